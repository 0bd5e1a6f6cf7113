"""The first figure of the drift report: when each finding applies, for all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.dates import date2num

from training.drift_report.figure_style import COLOURS, MEANINGS, date_axis, plain
from training.drift_report.figures import blank_figure, data_uri, legend_above
from training.drift_report.findings import SILENCE, Action, in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from training.drift_report.analysis import DriftReport
    from training.drift_report.findings import Finding
    from training.drift_report.pair_report import PairReport

MOST_LINES = 40
_HATCHED: dict[str, Any] = {"facecolor": "white", "edgecolor": COLOURS[Action.CHECK_FEED], "hatch": "/////"}


def timeline(report: DriftReport) -> str:
    """Returns the timeline as a data URI."""
    return data_uri(draw(report))


def draw(report: DriftReport) -> Figure:
    """Draws a line for each pair with a finding and a bar for each finding, hatched where messages are missing."""
    shown = [pair for pair in report.pairs if pair.findings][:MOST_LINES]
    begin = min(pair.messages.when[0] for pair in report.pairs)
    end = max(pair.messages.when[-1] for pair in report.pairs)
    height = 0.8 + 0.34 * len(shown)
    figure = blank_figure(11, height)
    axis = figure.add_axes((0.07, 0.35 / height, 0.92, 1 - 0.7 / height))
    for line, pair in enumerate(shown):
        _draw_pair(axis, pair, line, end)
        _write_beside(axis, pair, line, begin + (end - begin) * 0.62)
    axis.set_yticks(range(len(shown)), [plain(pair.pair) for pair in shown], fontsize=9)
    axis.set_ylim(len(shown) - 0.4, -0.75)
    date_axis(axis)
    findings = [finding for pair in shown for finding in pair.findings]
    for action, meaning in MEANINGS.items():
        if any(finding.action is action for finding in findings):
            axis.plot([], [], lw=6, color=COLOURS[action], label=meaning, solid_capstyle="butt")
    if any(map(_is_silent, findings)):
        axis.fill_between([], [], label="no more messages", **_HATCHED)
    legend_above(axis, 5)
    axis.grid(axis="x", lw=0.3)
    return figure


def _draw_pair(axis: Axes, pair: PairReport, line: int, end: Any) -> None:
    when = pair.messages.when
    axis.plot(when[[0, -1]], [line, line], color="#cccccc", lw=1, zorder=1)
    for finding in sorted(pair.findings, key=lambda finding: -list(Action).index(finding.action)):
        for first, last in finding.spans:
            _bar(axis, when[first], when[last], line, COLOURS[finding.action])
        if _is_silent(finding):
            last, ends = date2num([when[-1], end])  # type: ignore[no-untyped-call]
            axis.barh(line, ends - last, left=last, height=0.28, lw=0.8, zorder=2, **_HATCHED)


def _is_silent(finding: Finding) -> bool:
    """Whether no message of the pair has come since its last one."""
    return finding.code == SILENCE and finding.last is None


def _bar(axis: Axes, first: Any, last: Any, line: int, colour: str) -> None:
    axis.plot([first, last], [line, line], color=colour, lw=7, solid_capstyle="butt", zorder=2)
    axis.plot([first], [line], "|", color=colour, ms=9, mew=2.5, zorder=3)  # a single day has no width


def _write_beside(axis: Axes, pair: PairReport, line: int, right_from: Any) -> None:
    """Write the name of the most urgent finding above the beginning of its bar."""
    finding, when = pair.findings[0], pair.messages.when
    if not finding.spans and not _is_silent(finding):
        return
    first = when[finding.spans[0][0]] if finding.spans else when[-1]
    right = first > right_from
    axis.annotate(
        plain(in_words(finding.code)),
        (first, line),
        xytext=(-2 if right else 2, 5),
        textcoords="offset points",
        fontsize=7.5,
        color=COLOURS[finding.action],
        ha="right" if right else "left",
    )
