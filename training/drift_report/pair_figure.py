"""The figure of a pair: its rate with ranges and alerts; below it drift scores, returns, coverage and error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator

from ratecast.contract.alerts import MARKET_ALERTS, Alert
from training.drift_report.figure_style import (
    COLOURS,
    date_axis,
    evenly,
    plain,
    thinned,
    write_instead,
)
from training.drift_report.figures import (
    BLUE,
    GREEN,
    GREY,
    RED,
    blank_figure,
    data_uri,
    legend_above,
    limits_around_one,
    plot_coverage,
)
from training.drift_report.findings import Action, in_words
from training.drift_report.measures import DECISIVE_TEST, MIN_ANSWERS
from training.drift_report.return_histogram import draw_returns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from training.drift_report.pair_report import PairReport

_MARKERS = {
    Alert.JUMP: "^",
    Alert.LEVEL_CONE: "s",
    Alert.STUCK: "_",
    Alert.DECIMAL_SLIP: "o",
    Alert.INVERTED_QUOTE: "X",
    Alert.GAP: "|",
    Alert.CARRIED_FORWARD: ".",
    Alert.VOLATILITY_REGIME: "d",
}
LOG_FROM = 1.6  # largest over smallest rate: above it a linear scale would show the fault and nothing else
SPARSE_TICKS = 100  # largest over smallest rate: below it powers of ten alone would give one or two ticks
MOST_MARKS = 25  # for one kind of alert: more would overlap, and the legend shows their number
MOST_NAMES = 3  # for one kind of fault


def pair_figure(pair: PairReport) -> str:
    """Returns the figure of a pair as a data URI."""
    figure = blank_figure(11, 6)
    # The error ratio is 1 for as long as the forecast is the last rate: there is nothing to draw then.
    changing = bool(np.any(pair.rolling.error_ratio != 1))
    # Fixed margins: a constrained layout would double the time of the drawing.
    grid = figure.add_gridspec(
        2,
        3 + changing,
        height_ratios=(1.5, 1),
        left=0.06,
        right=0.985,
        bottom=0.075,
        top=0.935,
        hspace=0.3,
        wspace=0.22,
    )
    _rate(figure.add_subplot(grid[0, :]), pair)
    _scores(figure.add_subplot(grid[1, 0]), pair)
    draw_returns(figure.add_subplot(grid[1, 1]), pair)
    _coverage(figure.add_subplot(grid[1, 2]), pair)
    if changing:
        _error_ratio(figure.add_subplot(grid[1, 3]), pair)
    return data_uri(figure)


def _rate(axis: Axes, pair: PairReport) -> None:
    table = pair.messages
    rows = thinned(len(table), table.alerts)
    # A message forecasts the range of the next rate, so the range is drawn at the time of that rate.
    answered = rows[rows > 0]
    axis.fill_between(
        table.when[answered],
        table.lower[answered - 1, 1],
        table.upper[answered - 1, 1],
        color=BLUE,
        alpha=0.22,
        lw=0,
        label="95 % range, forecast one step ahead",
    )
    axis.plot(table.when[rows], table.rates[rows], color="black", lw=0.9, label="rate", zorder=3)
    _level_bounds(axis, pair)
    _shade_findings(axis, pair)
    _mark_alerts(axis, pair)
    if table.rates.max() > LOG_FROM * table.rates.min():
        axis.set_yscale("log")
        if table.rates.max() < SPARSE_TICKS * table.rates.min():
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(FuncFormatter(lambda _value, _: ""))
        axis.set_ylabel("rate (log scale)", fontsize=8)
    axis.set_ylim(*_reach(axis, table.rates))
    _name_faults(axis, pair)
    axis.margins(x=0.01)
    date_axis(axis)
    legend_above(axis, 7)


def _shade_findings(axis: Axes, pair: PairReport) -> None:
    """Shade the days of faults and of volatile markets."""
    when, shaded = pair.messages.when, {Action.CHECK_FEED, Action.CONFIRM, Action.MARKET}
    for finding in pair.findings:
        if finding.action in shaded and finding.code != "returns_changed":
            for first, last in finding.spans:
                axis.axvspan(when[first], when[last], color=COLOURS[finding.action], alpha=0.1, lw=0)


def _mark_alerts(axis: Axes, pair: PairReport) -> None:
    """Mark the messages of each kind of alert on the curve of the rate."""
    table = pair.messages
    for number, (code, (count, _, _)) in enumerate(pair.alerts.items()):
        rows = evenly([row for row, found in table.alerts.items() if code in found], MOST_MARKS)
        axis.plot(
            table.when[rows],
            table.rates[rows],
            _MARKERS.get(code, "*"),  # type: ignore[call-overload]
            color=GREEN if code in MARKET_ALERTS else RED,
            mfc="none",
            ms=5 + 2 * number,  # the marks of one message surround each other
            mew=0.9,
            ls="none",
            zorder=4,
            label=plain(f"{in_words(code)} ({count:,})"),
        )


def _reach(axis: Axes, rates: NDArray[np.float64]) -> tuple[float, float]:
    """Returns limits around the rates alone: with the wide ranges after a fault the rates would look flat."""
    if axis.get_yscale() == "log":
        margin = (rates.max() / rates.min()) ** 0.15
        return float(rates.min() / margin), float(rates.max() * margin)
    margin = 0.18 * (rates.max() - rates.min()) or 0.01 * rates.max()
    return float(rates.min() - margin), float(rates.max() + margin)


def _name_faults(axis: Axes, pair: PairReport) -> None:
    """Write the name of each fault of the feed at the top of its days."""
    when = pair.messages.when
    for finding in pair.findings:
        if finding.action not in {Action.CHECK_FEED, Action.CONFIRM}:
            continue
        for first, _ in finding.spans[:MOST_NAMES]:
            right = first > 0.7 * len(when)
            axis.annotate(
                plain(in_words(finding.code)),
                (when[first], 0.965),
                xycoords=("data", "axes fraction"),
                xytext=(-4 if right else 4, 0),
                textcoords="offset points",
                ha="right" if right else "left",
                va="top",
                fontsize=9,
                fontweight="bold",
                color=COLOURS[finding.action],
            )


def _level_bounds(axis: Axes, pair: PairReport) -> None:
    """Draw the limits of the training range if they are near the rates, and else write them in the legend."""
    rates = pair.messages.rates
    near = [bound for bound in pair.level_bounds if rates.min() * 0.97 <= bound <= rates.max() * 1.03]
    for number, bound in enumerate(near):
        axis.axhline(bound, color=BLUE, lw=1, ls=":", label=None if number else "limit of the training range")
    if not near and any(finding.code == "level_left" for finding in pair.findings):
        low, high = pair.level_bounds
        axis.plot([], [], " ", label=f"training range: {low:.6g} to {high:.6g}")


def _scores(axis: Axes, pair: PairReport) -> None:
    """Draw drift scores over their thresholds, so that both tests share an axis."""
    axis.set_title("drift score of returns / threshold", fontsize=9, loc="left")
    paths = [path for path in pair.paths if len(path) and path.feature == "return_1"]
    if not paths:
        few = "too few messages:\n250 without an alert are needed"
        write_instead(axis, few if pair.paths else "the model has no reference")
        return
    for path in paths:
        decisive = path.test == DECISIVE_TEST
        axis.plot(
            pair.messages.when[path.rows],
            path.scores / path.thresholds,
            color=BLUE if decisive else GREY,
            lw=1.4 if decisive else 0.9,
            label=path.test.upper() + ("" if decisive else " (no finding)"),
        )
    axis.axhline(1, color=RED, lw=1, ls="--", label="threshold")
    axis.set_ylim(0, 1.35 * max(1.0, axis.get_ylim()[1]))  # room for the legend above
    axis.set_xlim(pair.messages.when[0], pair.messages.when[-1])
    axis.legend(
        frameon=False,
        fontsize=7,
        loc="upper left",
        ncols=3,
        columnspacing=1,
        handlelength=1.4,
        borderaxespad=0.2,
    )
    date_axis(axis)


def _coverage(axis: Axes, pair: PairReport) -> None:
    """Draw the share of next rates inside each range, over at most the newest 500."""
    axis.set_title("next rates inside the range, %", fontsize=9, loc="left")
    rolling, when = pair.rolling, pair.messages.when
    if not len(rolling.rows):
        write_instead(axis, f"{len(pair.answers):,} checked forecasts:\n{MIN_ANSWERS} are needed")
        return
    plot_coverage(axis, when[rolling.rows], 100 * rolling.coverage)
    axis.set_ylim(min(65.0, float(100 * rolling.coverage.min()) - 3), 101)
    axis.set_xlim(when[0], when[-1])
    axis.legend(frameon=False, fontsize=7, loc="lower left")
    date_axis(axis)


def _error_ratio(axis: Axes, pair: PairReport) -> None:
    """Draw the mean absolute error over that of the last rate, over at most the newest 500 forecasts."""
    axis.set_title("forecast error / last rate's error", fontsize=9, loc="left")
    rolling, when = pair.rolling, pair.messages.when
    axis.plot(when[rolling.rows], rolling.error_ratio, color=BLUE, lw=1.4)
    axis.axhline(1, color=GREY, lw=1, ls="--")
    axis.set_ylim(*limits_around_one(rolling.error_ratio, 0.01))
    axis.set_xlim(when[0], when[-1])
    axis.ticklabel_format(axis="y", useOffset=False)
    date_axis(axis)
