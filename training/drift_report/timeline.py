"""The first picture: when what happened, in all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.drift_report.canvas import COLOURS, EDGES, MEANINGS, date_axis, plain
from training.drift_report.findings import Action
from training.pages import DPI, data_uri, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.drift_report.analysis import DriftReport, PairReport

MOST_LINES = 40


def timeline(report: DriftReport) -> str:
    """When what happened: a line a pair that has a finding, a bar a finding, coloured by what to do."""
    shown = [pair for pair in report.pairs if pair.findings][:MOST_LINES]
    height = 0.8 + 0.34 * len(shown)
    figure = paper(11, height, dpi=DPI)
    axis = figure.add_axes((0.07, 0.35 / height, 0.92, 1 - 0.7 / height))
    for line, pair in enumerate(shown):
        when = pair.messages.when
        axis.plot(when[[0, -1]], [line, line], color="#cccccc", lw=1, zorder=1)
        order = sorted(pair.findings, key=lambda finding: -list(Action).index(finding.action))
        for finding in order:
            for first, last in finding.spans:
                _bar(axis, when[first], when[last], line, COLOURS[finding.action])
        _write_beside(axis, pair, line)
    axis.set_yticks(range(len(shown)), [plain(pair.pair) for pair in shown], fontsize=9)
    axis.set_ylim(len(shown) - 0.4, -0.75)
    date_axis(axis)
    for action, meaning in MEANINGS.items():
        if any(finding.action is action for pair in shown for finding in pair.findings):
            axis.plot([], [], lw=6, color=COLOURS[action], label=meaning, solid_capstyle="butt")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=8)
    axis.grid(axis="x", lw=0.3)
    return data_uri(figure, EDGES)


def _bar(axis: Axes, first: Any, last: Any, line: int, colour: str) -> None:
    axis.plot([first, last], [line, line], color=colour, lw=7, solid_capstyle="butt", zorder=2)
    axis.plot([first], [line], "|", color=colour, ms=9, mew=2.5, zorder=3)  # a day alone has no width


def _write_beside(axis: Axes, pair: PairReport, line: int) -> None:
    """What the most urgent finding is called, above the beginning of its bar."""
    finding = pair.findings[0]
    if not finding.spans:
        return
    when, span = pair.messages.when, pair.messages.when[-1] - pair.messages.when[0]
    first = when[finding.spans[0][0]]
    right = first > when[0] + span * 0.62
    axis.annotate(
        plain(finding.code.replace("_", " ")),
        (first, line),
        xytext=(-2 if right else 2, 5),
        textcoords="offset points",
        fontsize=7.5,
        color=COLOURS[finding.action],
        ha="right" if right else "left",
    )
