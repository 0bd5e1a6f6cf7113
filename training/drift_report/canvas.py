"""What the pictures share: colours, paper, dates, and words that no picture trips over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from training.drift_report.findings import Action

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
