"""What the pictures share: colours, paper, dates, and words that no picture trips over."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

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
DPI = 110
_SHORT = 46


def paper(width: float, height: float) -> Figure:
    """An empty figure, inches."""
    # Not pyplot: it keeps every figure alive and picks a backend by looking for a screen.
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def data_uri(figure: Figure) -> str:
    """The figure as PNG in a data URI."""
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_color("#cccccc")
        axis.tick_params(labelsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


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
