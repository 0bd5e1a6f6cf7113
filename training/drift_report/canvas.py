"""What the pictures share: colours, dates, words that no picture trips over, and no more points than are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from training.drift_report.findings import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

BLUE, ORANGE, GREY, RED, GREEN = "#1f5fa8", "#c8540a", "#666666", "#b3001b", "#2e7d32"
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
    Action.MARKET: "the market",
}
EDGES = "#cccccc"
MOST_POINTS = 5000  # of a curve; a picture is 1,000 pixels wide
_SHORT = 46


def date_axis(axis: Axes) -> None:
    """Dates below, as many as there is room for."""
    locator: Any = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def plain(text: str) -> str:
    r"""Words from a message for a picture: one short line of characters that every font has.

    >>> plain("a\n$b$ \u6f22")
    'a \\$b\\$ ?'
    """
    line = "".join(letter if " " <= letter <= "~" else "?" for letter in " ".join(text.split()))
    return (line if len(line) <= _SHORT else line[: _SHORT - 3] + "...").replace("$", r"\$")


def thinned(count: int, kept: Iterable[int]) -> NDArray[np.intp]:
    """Rows of a curve to draw: all, or evenly spaced ones and each with an alert.

    >>> len(thinned(100, {3: {}})), len(thinned(100_000, {3: {}}))
    (100, 5001)
    """
    if count <= MOST_POINTS:
        return np.arange(count)
    return np.union1d(evenly(range(count), MOST_POINTS), np.fromiter(kept, np.intp))


def evenly(rows: Sequence[int], most: int) -> NDArray[np.intp]:
    """The rows, or so many of them evenly spaced, the first and the last included.

    >>> evenly(range(10, 20), 4).tolist()
    [10, 13, 16, 19]
    """
    if len(rows) <= most:
        return np.array(rows, dtype=np.intp)
    return np.array([rows[place] for place in np.linspace(0, len(rows) - 1, most).astype(int).tolist()])
