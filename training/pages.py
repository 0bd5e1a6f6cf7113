"""What every page shares: its template, and pictures inside it, so that there is no file beside the page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

DPI = 110


def render(template: Path, **values: Any) -> str:
    """The page that a Jinja template makes of some values; text is escaped, a name it does not know is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template.name).render(**values)


def paper(width: float, height: float, **options: Any) -> Figure:
    """An empty figure, inches; options are Figure's own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot: it keeps every figure alive and picks a backend by looking for a screen.
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def data_uri(figure: Figure, edges: str) -> str:
    """The figure as PNG in a data URI, the far sides of its frames in the colour ``edges``."""
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_color(edges)
        axis.tick_params(labelsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
