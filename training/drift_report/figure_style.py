"""What the figures of the drift report share: colours of actions, a date axis, safe text, and limits on points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from training.drift_report.figures import BLUE, GREEN, GREY, ORANGE, RED
from training.drift_report.findings import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

COLOURS = {
    Action.CHECK_FEED: RED,
    Action.CONFIRM: ORANGE,
    Action.RETRAIN: BLUE,
    Action.MARKET: GREEN,
}
MEANINGS = {
    Action.CHECK_FEED: "check the feed",
    Action.CONFIRM: "confirm with another source",
    Action.RETRAIN: "retrain",
    Action.MARKET: "market change",
}
MOST_POINTS = 5000  # of a curve; a figure is about 1,000 pixels wide
_LONGEST_TEXT = 46


def date_axis(axis: Axes) -> None:
    """Label the x axis with as many dates as fit."""
    locator: Any = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def plain(text: str) -> str:
    r"""Returns text from a message as one short line of characters that every font has.

    >>> plain("a\n$b$ \u6f22")
    'a \\$b\\$ ?'
    """
    line = "".join(letter if " " <= letter <= "~" else "?" for letter in " ".join(text.split()))
    short = line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 3] + "..."
    return short.replace("$", r"\$")


def thinned(count: int, kept: Iterable[int]) -> NDArray[np.intp]:
    """Returns the rows of a curve to draw: all of them, or evenly spaced ones and all of ``kept``.

    >>> len(thinned(100, {3: {}})), len(thinned(100_000, {3: {}}))
    (100, 5001)
    """
    if count <= MOST_POINTS:
        return np.arange(count)
    return np.union1d(evenly(range(count), MOST_POINTS), np.fromiter(kept, np.intp))


def evenly(rows: Sequence[int], most: int) -> NDArray[np.intp]:
    """Returns at most ``most`` of the rows, evenly spaced, with the first and the last.

    >>> evenly(range(10, 20), 4).tolist()
    [10, 13, 16, 19]
    """
    if len(rows) <= most:
        return np.array(rows, dtype=np.intp)
    return np.array([rows[place] for place in np.linspace(0, len(rows) - 1, most).astype(int).tolist()])


def write_instead(axis: Axes, text: str) -> None:
    """Write why there is nothing to draw."""
    axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color=GREY, transform=axis.transAxes)
    axis.set_xticks([])
    axis.set_yticks([])
