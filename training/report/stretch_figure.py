"""Draws how many rates were outside their ranges, month by month over the test days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.report import svg
from training.report.worst_stretch import STRETCH_DAYS, breaches, rolling

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

    from training.evaluate import Outcomes
    from training.report.worst_stretch import Stretch

_LEFT, _RIGHT, _TOP, _BOTTOM, _HEIGHT = 46, 10, 10, 176, 198
_STYLES = ("narrow", "wide")


def stretch_figure(outcomes: Outcomes, worst: Stretch) -> Markup:
    """Returns the share of rates outside each range over the last ``STRETCH_DAYS`` days, all pairs together.

    Args:
        outcomes: results on the test days, at least two days.
        worst: the stretch to mark.
    """
    days, day = np.unique(outcomes.date, return_inverse=True)
    length = min(STRETCH_DAYS, len(days) - 1)
    outside, made = breaches(outcomes), rolling(np.bincount(day), length)
    shares = [
        100 * rolling(np.bincount(day, outside[:, column].astype(float)), length) / made
        for column in range(len(LEVELS))
    ]
    ends = days[length - 1 :].astype("datetime64[D]")
    x = svg.Scale(float(ends[0].astype(int)), float(ends[-1].astype(int)), _LEFT, svg.WIDTH - _RIGHT)
    y = svg.Scale(0.0, max(30.0, 1.08 * max(float(share.max()) for share in shares)), _BOTTOM, _TOP)
    start, stop = (x(max(x.low, float(end.astype(int)))) for end in (worst.first, worst.last))
    parts = [svg.box(start, _TOP, max(stop - start, 3.0), _BOTTOM - _TOP, "worst")]
    for tick in svg.ticks(y.low, y.high):
        parts.append(svg.rule(_LEFT, y(tick), svg.WIDTH - _RIGHT, y(tick), "grid"))
        parts.append(svg.text(_LEFT - 6, y(tick) + 4, f"{tick:g} %", "quiet", "end"))
    parts += _dates(ends, x)
    for level, style, share in zip(LEVELS, _STYLES, shares, strict=True):
        promised = y(100 - int(level))
        parts.append(svg.rule(_LEFT, promised, svg.WIDTH - _RIGHT, promised, f"{style} promise"))
        points = zip(ends.astype(int).tolist(), share.tolist(), strict=True)
        parts.append(svg.curve([(x(end), y(value)) for end, value in points], f"{style} thin"))
    highest = ", ".join(
        f"{share.max():.0f} % outside the {level} % range on {ends[int(share.argmax())]}"
        for level, share in zip(LEVELS, shares, strict=True)
    )
    description = f"From {ends[0]} to {ends[-1]}. The highest shares are {highest}. {worst.sentence()}"
    title = f"Share of rates outside the ranges over {length} days, all pairs"
    return svg.drawing("stretches", _HEIGHT, title, description, parts)


def _dates(ends: NDArray[np.datetime64], x: svg.Scale) -> list[Markup]:
    """Returns the labels of the time axis: beginnings of years, or of months if there are too few years."""
    years, months = (
        np.arange(ends[0].astype(unit) + 1, ends[-1].astype(unit) + 1)
        for unit in ("datetime64[Y]", "datetime64[M]")
    )
    found = years if len(years) > 1 else months
    shown = found[:: max(1, -(-len(found) // 6))]
    return [
        svg.text(
            min(x(float(moment.astype("datetime64[D]").astype(int))), svg.WIDTH - _RIGHT - 24),
            _BOTTOM + 16,
            str(moment),
            "quiet",
            "middle",
        )
        for moment in shown
    ]
