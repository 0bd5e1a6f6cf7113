"""Draws the reliability diagram: how far ranges of each level are from what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.model.ranges import LEVELS
from training.report import svg
from training.report.verdicts import GREEN_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from training.coverage_interval import HeldShare

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 14, 236
_HEIGHT = 274
_PUBLISHED = tuple(int(level) / 100 for level in LEVELS)


def reliability_figure(points: Sequence[HeldShare]) -> Markup:
    """Returns the diagram: promised share to the right, share that held upwards, the diagonal is the promise."""
    x, y = svg.Scale(0, 100, _LEFT, svg.WIDTH - _RIGHT), svg.Scale(0, 100, _BOTTOM, _TOP)
    parts = [_grid(tick, x, y) for tick in (0, 20, 40, 60, 80, 100)]
    parts.append(svg.rule(x(0), y(0), x(100), y(100), "promise"))
    parts.append(svg.curve([(x(100 * p.promised), y(100 * p.held)) for p in points], "narrow thin"))
    for point in points:
        place = x(100 * point.promised)
        parts.append(svg.rule(place, y(100 * point.low), place, y(100 * point.high), "narrow bar"))
        parts.append(svg.dot(place, y(100 * point.held), *_mark(point), _words(point)))
    parts.append(svg.text((_LEFT + svg.WIDTH) / 2, _HEIGHT - 4, "promised", "quiet", "middle"))
    description = "The diagonal is the promise. " + " ".join(f"{_words(point)}." for point in points)
    return svg.drawing("reliability", _HEIGHT, "Share that held by promised share", description, parts)


def distance_figure(points: Sequence[HeldShare]) -> Markup:
    """Returns the same points as distances from the diagonal in percentage points, which the diagram hardly shows."""
    reach = max(2 * GREEN_POINTS, *(100 * abs(end - p.promised) for p in points for end in (p.low, p.high)))
    x, y = svg.Scale(0, 100, _LEFT, svg.WIDTH - _RIGHT), svg.Scale(-reach, reach, _BOTTOM, _TOP)
    parts = [svg.box(x(0), y(GREEN_POINTS), x(100) - x(0), y(-GREEN_POINTS) - y(GREEN_POINTS), "good")]
    parts += [
        svg.text(_LEFT - 6, y(tick) + 4, f"{tick:+g}" if tick else "0", "quiet", "end")
        for tick in svg.ticks(-reach, reach, 7)
    ]
    parts += [
        svg.text(x(tick), _BOTTOM + 16, f"{tick} %", "quiet", "middle") for tick in (0, 20, 40, 60, 80, 100)
    ]
    parts.append(svg.rule(x(0), y(0), x(100), y(0), "promise"))
    for point in points:
        place, promised = x(100 * point.promised), point.promised
        ends = [y(100 * (end - promised)) for end in (point.low, point.high)]
        parts.append(svg.rule(place, ends[0], place, ends[1], "narrow bar"))
        parts.append(svg.dot(place, y(100 * (point.held - promised)), *_mark(point), _words(point)))
    parts.append(svg.text((_LEFT + svg.WIDTH) / 2, _HEIGHT - 4, "promised", "quiet", "middle"))
    worst = max(points, key=lambda point: abs(point.held - point.promised))
    distance = 100 * (worst.held - worst.promised)
    description = (
        f"Distance of each share from its promise. The largest is {distance:+.1f} percentage points, at "
        f"{100 * worst.promised:g} %."
    )
    return svg.drawing(
        "distance", _HEIGHT, "Distance from the promise in percentage points", description, parts
    )


def _grid(tick: int, x: svg.Scale, y: svg.Scale) -> Markup:
    return (
        svg.rule(x(0), y(tick), x(100), y(tick), "grid")
        + svg.text(_LEFT - 6, y(tick) + 4, f"{tick} %", "quiet", "end")
        + svg.text(x(tick), _BOTTOM + 16, f"{tick} %", "quiet", "middle")
    )


def _mark(point: HeldShare) -> tuple[float, str]:
    """Returns the radius and the style of a point: levels that are published stand out."""
    return (4.2, "wide") if point.promised in _PUBLISHED else (2.6, "narrow")


def _words(point: HeldShare) -> str:
    return f"{100 * point.promised:g} % promised, held {point.in_percent()}"
