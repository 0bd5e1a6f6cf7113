"""The picture of a pair: its rate with ranges and alerts, and below drift scores, returns, accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator

from ratecast.contract.alerts import MARKET_ALERTS, Alert
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.ranges import LEVELS
from ratecast.model.references import WINDOW_MESSAGES
from training.drift_report.canvas import (
    BLUE,
    COLOURS,
    EDGES,
    GREEN,
    GREY,
    ORANGE,
    RED,
    date_axis,
    evenly,
    plain,
    thinned,
)
from training.drift_report.findings import Action
from training.drift_report.measures import JUDGED_BY
from training.pages import DPI, data_uri, paper

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
SPARSE_TICKS = 100  # the same: powers of ten alone would be a tick or two
LOG_FROM = 1.6  # greatest rate over the least: beyond it a linear scale shows the fault and nothing else
MOST_MARKS = 25  # of one code: more are a smear, and the legend says how many there are
MOST_NAMES = 3  # of one kind of fault
DENSITY_BINS = 20


def sheet(pair: PairReport) -> str:
    """A pair at a glance: its rate with ranges and alerts, and below drift scores, returns, accuracy."""
    figure = paper(11, 6, dpi=DPI)
    changing = bool(np.any(pair.rolling.error_ratio != 1))  # as long as the last rate is the forecast it is 1
    # Fixed margins: a layout that is solved anew costs as much again as the drawing.
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
    _returns(figure.add_subplot(grid[1, 1]), pair)
    _accuracy(figure.add_subplot(grid[1, 2]), pair)
    if changing:
        _error_ratio(figure.add_subplot(grid[1, 3]), pair)
    return data_uri(figure, EDGES)


def _rate(axis: Axes, pair: PairReport) -> None:
    table = pair.messages
    rows = thinned(len(table), table.alerts)
    # A message's range is of the next rate: it is drawn where that rate came.
    answered = rows[rows > 0]
    axis.fill_between(
        table.when[answered],
        table.lower[answered - 1, 1],
        table.upper[answered - 1, 1],
        color=BLUE,
        alpha=0.22,
        lw=0,
        label="95 % range, as forecast",
    )
    axis.plot(table.when[rows], table.rates[rows], color="black", lw=0.9, label="rate", zorder=3)
    _level_bounds(axis, pair)
    for finding in pair.findings:
        if (
            finding.action in {Action.CHECK_FEED, Action.CONFIRM, Action.MARKET}
            and finding.code != "returns_changed"
        ):
            for first, last in finding.spans:
                axis.axvspan(
                    table.when[first], table.when[last], color=COLOURS[finding.action], alpha=0.1, lw=0
                )
    for number, (code, (count, _, _)) in enumerate(pair.alerts.items()):
        own = evenly([row for row, found in table.alerts.items() if code in found], MOST_MARKS)
        colour = GREEN if code in MARKET_ALERTS else RED
        axis.plot(
            table.when[own],
            table.rates[own],
            _MARKERS.get(code, "*"),  # type: ignore[call-overload]
            color=colour,
            mfc="none",
            ms=5 + 2 * number,  # alerts of one message stand around each other
            mew=0.9,
            ls="none",
            zorder=4,
            label=plain(f"{code.replace('_', ' ')} ({count:,})"),
        )
    if table.rates.max() > LOG_FROM * table.rates.min():
        axis.set_yscale("log")
        if table.rates.max() < SPARSE_TICKS * table.rates.min():
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(FuncFormatter(lambda _value, _: ""))
        axis.set_ylabel("rate (logarithmic)", fontsize=8)
    axis.set_ylim(*_reach(axis, table.rates))
    _name_faults(axis, pair)
    axis.margins(x=0.01)
    date_axis(axis)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=7, frameon=False, fontsize=8)


def _reach(axis: Axes, rates: NDArray[np.float64]) -> tuple[float, float]:
    """Limits around the rates: after a fault ranges are so wide that nothing else would be seen."""
    if axis.get_yscale() == "log":
        margin = (rates.max() / rates.min()) ** 0.15
        return float(rates.min() / margin), float(rates.max() * margin)
    margin = 0.18 * (rates.max() - rates.min()) or 0.01 * rates.max()
    return float(rates.min() - margin), float(rates.max() + margin)


def _name_faults(axis: Axes, pair: PairReport) -> None:
    """What each fault of the feed is called, at the top of its days."""
    when = pair.messages.when
    for finding in pair.findings:
        if finding.action not in {Action.CHECK_FEED, Action.CONFIRM}:
            continue
        for first, _ in finding.spans[:MOST_NAMES]:
            right = first > 0.7 * len(when)
            axis.annotate(
                plain(finding.code.replace("_", " ")),
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
    """Where the classic rule begins to speak of a level, where that is near enough to be seen."""
    rates = pair.messages.rates
    near = [bound for bound in pair.level_bounds if rates.min() * 0.97 <= bound <= rates.max() * 1.03]
    for number, bound in enumerate(near):
        axis.axhline(bound, color=BLUE, lw=1, ls=":", label=None if number else "edge of training")
    if not near and any(finding.code == "level_left" for finding in pair.findings):
        low, high = pair.level_bounds
        axis.plot([], [], " ", label=f"training: {low:.6g} to {high:.6g}")


def _scores(axis: Axes, pair: PairReport) -> None:
    """Scores over their thresholds, so that both tests share an axis; one of them judges."""
    axis.set_title("drift of returns / its threshold", fontsize=9, loc="left")
    told = [path for path in pair.paths if len(path) and path.feature == "return_1"]
    if not told:
        _say(
            axis,
            "too few messages to score\n(250 that no alert spoilt)"
            if pair.paths
            else "no reference in the model",
        )
        return
    for path in told:
        ratio, judges = path.scores / path.thresholds, path.test == JUDGED_BY
        colour, width, label = (BLUE, 1.4, "") if judges else (GREY, 0.9, ", shown only")
        axis.plot(
            pair.messages.when[path.rows], ratio, color=colour, lw=width, label=path.test.upper() + label
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


def _returns(axis: Axes, pair: PairReport) -> None:
    """Training's returns, known only as counts of its bins, beside the newest ones in the same bins."""
    axis.set_title("returns in %", fontsize=9, loc="left")
    reference, stats = pair.references.get("return_1"), pair.stats.features["return_1"]
    rows = np.flatnonzero(pair.kept)[-WINDOW_MESSAGES:]
    if reference is None or not len(rows):
        _say(axis, "no reference in the model" if reference is None else "no message that no alert spoilt")
        return
    values = pair.messages.features[rows, FEATURE_NAMES.index("return_1")]
    edges, training = merged_bins(np.array(reference.edges), np.array(reference.counts), stats.min, stats.max)
    now = np.histogram(values, edges)[0]
    beyond = len(values) - int(now.sum())
    widths = np.diff(edges)
    axis.stairs(
        training / training.sum() / widths,
        100 * edges,
        fill=True,
        color="#bbbbbb",
        label="training, in its bins",
    )
    axis.stairs(now / len(values) / widths, 100 * edges, color=BLUE, lw=1.5, label=f"newest {len(values):,}")
    # The outermost bins reach to the wildest day of training: a few times the rest is enough to see.
    reach = 100 * 1.6 * max(abs(edges[1]), abs(edges[-2]))
    axis.set_xlim(-reach, reach)
    axis.set_yticks([])
    axis.set_ylim(0, 1.35 * axis.get_ylim()[1])
    if beyond:
        axis.text(
            0.02, 0.6, f"{beyond:,} beyond\nall of training", transform=axis.transAxes, fontsize=7, color=RED
        )
    axis.legend(frameon=False, fontsize=7, loc="upper right")


def _accuracy(axis: Axes, pair: PairReport) -> None:
    axis.set_title("% in range, last 500 at most", fontsize=9, loc="left")
    rolling, when = pair.rolling, pair.messages.when
    if not len(rolling.rows):
        _say(axis, f"{len(pair.answers):,} answered forecasts:\ntoo few (100)")
        return
    for column, colour in ((1, BLUE), (0, ORANGE)):
        shares = 100 * rolling.coverage[:, column]
        axis.plot(when[rolling.rows], shares, color=colour, lw=1.4, label=f"{LEVELS[column]} % range")
        axis.axhline(int(LEVELS[column]), color=colour, lw=1, ls="--")
    low = float(100 * rolling.coverage.min())
    axis.set_ylim(min(65.0, low - 3), 101)
    axis.set_xlim(when[0], when[-1])
    axis.legend(frameon=False, fontsize=7, loc="lower left")
    date_axis(axis)


def _error_ratio(axis: Axes, pair: PairReport) -> None:
    axis.set_title("error / the last rate's", fontsize=9, loc="left")
    rolling, when = pair.rolling, pair.messages.when
    axis.plot(when[rolling.rows], rolling.error_ratio, color=BLUE, lw=1.4)
    axis.axhline(1, color=GREY, lw=1, ls="--")
    reach = max(0.01, 1.3 * float(np.nanmax(np.abs(rolling.error_ratio - 1), initial=0.0)))
    axis.set_ylim(1 - reach, 1 + reach)
    axis.set_xlim(when[0], when[-1])
    axis.ticklabel_format(axis="y", useOffset=False)
    date_axis(axis)


def merged_bins(
    edges: NDArray[np.float64], counts: NDArray[np.int64], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Training's bins, neighbours merged to `DENSITY_BINS` or fewer, closed by its least and greatest value.

    The first and the last bin of a reference are open; where training's values end is known, though.

    >>> bins = merged_bins(np.array([-1.0, 0.0, 1.0]), np.array([1, 4, 4, 1]), -3.0, 2.0)
    >>> bins[0].tolist(), bins[1].tolist()
    ([-3.0, -1.0, 0.0, 1.0, 2.0], [1, 4, 4, 1])
    """
    step = max(1, round(len(counts) / DENSITY_BINS))
    # The outermost bins stay alone: they are the tails.
    starts = np.unique(np.concatenate(([0], np.arange(1, len(counts) - 1, step), [len(counts) - 1])))
    inner = edges[starts[1:] - 1]
    span = max(abs(low), abs(high), 1e-12)
    closed = np.concatenate(([min(low, inner[0] - 1e-6 * span)], inner, [max(high, inner[-1] + 1e-6 * span)]))
    return closed, np.add.reduceat(counts, starts)


def _say(axis: Axes, text: str) -> None:
    axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color=GREY, transform=axis.transAxes)
    axis.set_xticks([])
    axis.set_yticks([])
