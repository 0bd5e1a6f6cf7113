"""Drawings as SVG text inside an HTML page, so that the page's style, dark mode included, colours them.

Coordinates are in pixels at a drawing's natural width. Shapes have CSS classes, never colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 420  # of all drawings: a phone's, so that letters are as large there as in the text


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels on a line.

    >>> Scale(0.0, 10.0, 100.0, 200.0)(5.0)
    150.0
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Returns the pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns at most ``most`` + 1 round numbers from ``low`` to ``high``, 1, 2 or 5 times a power of ten apart.

    >>> ticks(0.0, 10.0), ticks(1.083, 1.121)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [1.09, 1.1, 1.11, 1.12])
    """
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [round(number * step, digits) for number in range(first, last + 1)]


def rule(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    """Returns a straight line."""
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(style, *_all(x1, y1, x2, y2))


def box(x: float, y: float, width: float, height: float, style: str) -> Markup:
    """Returns a filled rectangle."""
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        style, *_all(x, y, width, height)
    )


def curve(points: Iterable[tuple[float, float]], style: str) -> Markup:
    """Returns a line through points ``(x, y)``."""
    return Markup('<polyline class="{}" points="{}"/>').format(style, _joined(points))


def area(points: Iterable[tuple[float, float]], style: str) -> Markup:
    """Returns the filled area inside points ``(x, y)``."""
    return Markup('<polygon class="{}" points="{}"/>').format(style, _joined(points))


def dot(x: float, y: float, radius: float, style: str, note: str = "") -> Markup:
    """Returns a filled circle; a browser shows its note when the pointer is on it."""
    shape = Markup('<circle class="{}" cx="{}" cy="{}" r="{}"').format(style, *_all(x, y, radius))
    return shape + (Markup("><title>{}</title></circle>").format(note) if note else Markup("/>"))


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> Markup:
    """Returns a line of text; ``anchor`` (start, middle, end) is the part of it that is at ``x``."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        style, *_all(x, y), anchor, words
    )


def drawing(name: str, height: float, title: str, description: str, parts: Sequence[Markup]) -> Markup:
    """Returns a drawing ``WIDTH`` pixels wide.

    Args:
        name: its id, unique on the page: letters, digits and hyphens.
        height: in pixels.
        title: what it is.
        description: what it shows, with its numbers, for readers who do not see it.
        parts: shapes, the last on top.
    """
    head = Markup(
        '<svg class="drawing" role="img" viewBox="0 0 {} {}" aria-labelledby="{name}-title {name}-text">'
        '<title id="{name}-title">{}</title><desc id="{name}-text">{}</desc>'
    ).format(*_all(WIDTH, height), title, description, name=escape(name))
    return head + Markup("").join(parts) + Markup("</svg>")


def _all(*numbers: float) -> list[str]:
    """Returns numbers with at most one decimal, which is all that a screen shows.

    >>> _all(1.0, 2.345, -0.01)
    ['1', '2.3', '0']
    """
    return [f"{round(number, 1) + 0.0:g}" for number in numbers]


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(",".join(_all(x, y)) for x, y in points)
