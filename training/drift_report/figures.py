"""What the pictures of the drift report share: colours, layout, and their form as a PNG in a data URI."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

DPI = 110
BLUE, ORANGE, GREY, RED, GREEN = "#1f5fa8", "#c8540a", "#666666", "#b3001b", "#2e7d32"


def blank_figure(width: float, height: float, **options: Any) -> Figure:
    """Returns an empty figure of a size in inches; `matplotlib.figure.Figure` takes the options."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot: it keeps every figure in memory and looks for a screen to choose a backend.
    figure = Figure(figsize=(width, height), dpi=DPI, **options)
    FigureCanvasAgg(figure)
    return figure


def data_uri(figure: Figure) -> str:
    """Returns the figure as PNG in a data URI, so that a report is a single file."""
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def legend_above(axis: Axes, columns: int) -> None:
    """Put the legend above the axes, in one row of at most ``columns`` entries."""
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False, fontsize=8)


def plot_coverage(axis: Axes, x: ArrayLike, percent: NDArray[Any], marker: str = "") -> None:
    """Draw the coverage of each range as a line, and the coverage it promises as a dashed line.

    Args:
        axis: where to draw.
        x: dates or years, ``(n,)``.
        percent: coverage in percent, ``(n, 2)``, columns `ratecast.model.ranges.LEVELS`.
        marker: Matplotlib's marker of each point.
    """
    for column in (1, 0):  # the wider range first, as its line is on top
        level, colour = LEVELS[column], (ORANGE, BLUE)[column]
        axis.plot(x, percent[:, column], marker=marker, ms=4, color=colour, lw=1.3, label=f"{level} % range")
        axis.axhline(int(level), color=colour, lw=1, ls="--")


def limits_around_one(values: Sequence[float] | NDArray[Any], least: float) -> tuple[float, float]:
    """Returns axis limits with 1 in the middle that hold all ratios and reach at least ``least`` to each side.

    >>> limits_around_one([0.5, 1.1], 0.01)
    (0.4, 1.6)
    """
    import numpy as np

    reach = max(least, 1.2 * float(np.nanmax(np.abs(np.asarray(values) - 1), initial=0.0)))
    return 1 - reach, 1 + reach
