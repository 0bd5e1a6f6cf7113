"""Draws what was measured: bars of throughput, and curves of latency by rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from training.report import svg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

_LEFT, _RIGHT, _TOP, _BAR = 150, 62, 12, 15
# A file of its own has no page to take colours from. These are legible on white and on black.
_STYLE = """<style>
text { font: 11px system-ui, sans-serif; fill: #777 } .axis { stroke: #999 } .grid { stroke: #9994 }
.s0 { fill: #9aa5b1; stroke: #9aa5b1 } .s1 { fill: #5b8def; stroke: #5b8def } .s2 { fill: #e07a3f; stroke: #e07a3f }
polyline { fill: none !important; stroke-width: 2 } text.s0, text.s1, text.s2 { stroke: none }
</style>"""


def file_of(drawing: Markup) -> str:
    """Returns a drawing as the text of an SVG file."""
    head, _, rest = str(drawing).partition(">")
    size = f' width="{svg.WIDTH}"'
    return f'{head} xmlns="http://www.w3.org/2000/svg"{size}>{_STYLE}{rest}\n'


def bars(
    name: str, title: str, values: Mapping[str, float], *, styles: Sequence[str], logarithmic: bool
) -> Markup:
    """Returns a bar for each value, its number at the end.

    Args:
        name: id of the drawing.
        title: what the values are.
        values: label -> value above 0.
        styles: CSS class of each bar.
        logarithmic: whether equal lengths are equal factors; the axis then begins at a power of ten.
    """
    low = 10.0 ** math.floor(math.log10(min(values.values()) * 0.999)) if logarithmic else 0.0
    shown = math.log10 if logarithmic else float
    x = svg.Scale(shown(low), shown(max(values.values())), _LEFT, svg.WIDTH - _RIGHT)
    parts = []
    for number, (label, value) in enumerate(values.items()):
        y = _TOP + _BAR * number
        parts.append(svg.text(_LEFT - 6, y + 10, label, "", "end"))
        parts.append(svg.box(_LEFT, y, max(x(shown(value)) - _LEFT, 1), _BAR - 4, styles[number]))
        parts.append(svg.text(x(shown(value)) + 4, y + 10, f"{value:,.0f}"))
    bottom = _TOP + _BAR * len(values)
    parts.append(svg.rule(_LEFT, _TOP - 4, _LEFT, bottom, "axis"))
    if logarithmic:
        parts.append(svg.text(_LEFT, bottom + 12, f"logarithmic, from {low:g}"))
    described = "; ".join(f"{label}: {value:,.0f}" for label, value in values.items())
    return svg.drawing(name, bottom + 18, title, described, parts)


def curves(name: str, title: str, series: Mapping[str, Sequence[tuple[float, float]]], unit: str) -> Markup:
    """Returns a curve for each series on two logarithmic axes.

    Args:
        name: id of the drawing.
        title: what the curves are.
        series: label -> points ``(x, y)``, both above 0.
        unit: unit of y.
    """
    points = [point for line in series.values() for point in line]
    height, left, bottom = 240.0, 46.0, 200.0
    decades = [
        (math.floor(math.log10(min(of))), math.ceil(math.log10(max(of))))
        for of in ([x for x, _ in points], [y for _, y in points])
    ]
    x = svg.Scale(*decades[0], left, svg.WIDTH - 110)
    y = svg.Scale(*decades[1], bottom, 14)
    parts = []
    for power in range(decades[1][0], decades[1][1] + 1):
        parts.append(svg.rule(left, y(power), svg.WIDTH - 110, y(power), "grid"))
        parts.append(svg.text(left - 4, y(power) + 4, f"{10.0**power:,g}", "", "end"))
    parts += [
        svg.text(x(power), bottom + 14, f"{10.0**power:,.0f}", "", "middle")
        for power in range(decades[0][0], decades[0][1] + 1)
    ]
    parts.append(svg.text(left, bottom + 30, f"messages/s across, {unit} upwards"))
    for number, (label, line) in enumerate(series.items()):
        drawn = [(x(math.log10(across)), y(math.log10(up))) for across, up in line]
        parts.append(svg.curve(drawn, f"s{number}"))
        parts += [
            svg.dot(*at, 2.5, f"s{number}", f"{label}: {up:,.1f}")
            for at, (_, up) in zip(drawn, line, strict=True)
        ]
        parts.append(svg.text(svg.WIDTH - 104, 26 + 16 * number, label, f"s{number}"))
    described = ". ".join(
        f"{label}: " + ", ".join(f"{up:,.1f} {unit} at {across:,.0f}/s" for across, up in line)
        for label, line in series.items()
    )
    return svg.drawing(name, height, title, described, parts)
