"""The first picture: when what happened, in all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.dates import date2num

from training.drift_report.canvas import COLOURS, EDGES, MEANINGS, date_axis, plain
from training.drift_report.episodes import SILENCE
from training.drift_report.findings import Action
from training.pages import DPI, data_uri, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from training.drift_report.analysis import DriftReport
    from training.drift_report.findings import Finding
    from training.drift_report.pair_report import PairReport

MOST_LINES = 40
_HATCHED: dict[str, Any] = {"facecolor": "white", "edgecolor": COLOURS[Action.CHECK_FEED], "hatch": "/////"}


def timeline(report: DriftReport) -> str:
    """When what happened, as a picture for the page."""
    return data_uri(draw(report), EDGES)


def draw(report: DriftReport) -> Figure:
    """A line a pair that has a finding, a bar a finding, coloured by what to do; hatched where messages do not come."""
    shown = [pair for pair in report.pairs if pair.findings][:MOST_LINES]
    begin = min(pair.messages.when[0] for pair in report.pairs)
    end = max(pair.messages.when[-1] for pair in report.pairs)
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
            if _is_silent(finding):
                last, ends = date2num([when[-1], end])  # type: ignore[no-untyped-call]
                axis.barh(line, ends - last, left=last, height=0.28, lw=0.8, zorder=2, **_HATCHED)
        _write_beside(axis, pair, line, begin + (end - begin) * 0.62)
    axis.set_yticks(range(len(shown)), [plain(pair.pair) for pair in shown], fontsize=9)
    axis.set_ylim(len(shown) - 0.4, -0.75)
    date_axis(axis)
    for action, meaning in MEANINGS.items():
        if any(finding.action is action for pair in shown for finding in pair.findings):
            axis.plot([], [], lw=6, color=COLOURS[action], label=meaning, solid_capstyle="butt")
    if any(_is_silent(finding) for pair in shown for finding in pair.findings):
        axis.fill_between([], [], label="no messages any more", **_HATCHED)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, frameon=False, fontsize=8)
    axis.grid(axis="x", lw=0.3)
    return figure


def _is_silent(finding: Finding) -> bool:
    """Whether it tells of messages that have not come since the pair's last."""
    return finding.code == SILENCE and finding.last is None


def _bar(axis: Axes, first: Any, last: Any, line: int, colour: str) -> None:
    axis.plot([first, last], [line, line], color=colour, lw=7, solid_capstyle="butt", zorder=2)
    axis.plot([first], [line], "|", color=colour, ms=9, mew=2.5, zorder=3)  # a day alone has no width


def _write_beside(axis: Axes, pair: PairReport, line: int, right_from: Any) -> None:
    """What the most urgent finding is called, above the beginning of its bar."""
    finding, when = pair.findings[0], pair.messages.when
    if not finding.spans and not _is_silent(finding):
        return
    first = when[finding.spans[0][0]] if finding.spans else when[-1]
    right = first > right_from
    axis.annotate(
        plain(finding.code.replace("_", " ")),
        (first, line),
        xytext=(-2 if right else 2, 5),
        textcoords="offset points",
        fontsize=7.5,
        color=COLOURS[finding.action],
        ha="right" if right else "left",
    )
