"""Draws the ranges forecast for the last months, the rates that came, and which of them were outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.report import svg
from training.report.worst_stretch import breaches

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

    from training.evaluate import Outcomes

FAN_DAYS = 120
_LEFT, _RIGHT, _TOP, _BOTTOM, _HEIGHT = 52, 8, 8, 186, 206
_NARROW, _WIDE = range(len(LEVELS))


@dataclass(frozen=True)
class Fan:
    """A pair's drawing and what it shows in a sentence."""

    pair: str
    picture: Markup
    sentence: str


def fan(outcomes: Outcomes, pair: str, position: int) -> Fan:
    """Returns the last ``FAN_DAYS`` forecasts of a pair as a drawing.

    Args:
        outcomes: results on the test days.
        pair: name of the pair.
        position: its position in ``outcomes.pair``; it has at least one row.
    """
    own = np.flatnonzero(outcomes.pair == position)[-FAN_DAYS:]
    tail = outcomes.where(np.isin(np.arange(len(outcomes.pair)), own))
    centre = tail.last * np.exp(tail.step * tail.scale)
    actual = tail.last * np.exp(tail.actual * tail.scale)
    factor = np.exp(tail.half * tail.scale[:, None])
    lower, upper = centre[:, None] / factor, centre[:, None] * factor
    outside = breaches(tail)
    low, high = float(min(lower.min(), actual.min())), float(max(upper.max(), actual.max()))
    margin = max(0.03 * (high - low), 1e-6 * high)  # a peg's range may have no height
    days = tail.date.astype("datetime64[D]").astype(float)
    x = svg.Scale(days[0] - 1, days[-1] + 1, _LEFT, svg.WIDTH - _RIGHT)
    y = svg.Scale(low - margin, high + margin, _BOTTOM, _TOP)
    parts = [_price(tick, y) for tick in svg.ticks(y.low, y.high)]
    parts += _months(tail.date, x)
    for column, style in ((_WIDE, "wide-band"), (_NARROW, "narrow-band")):
        edge = [(x(day), y(value)) for day, value in zip(days, upper[:, column], strict=True)]
        back = [(x(day), y(value)) for day, value in zip(days, lower[:, column], strict=True)]
        parts.append(svg.area(edge + back[::-1], style))
    parts.append(svg.curve([(x(day), y(rate)) for day, rate in zip(days, actual, strict=True)], "rate"))
    for row in np.flatnonzero(outside.any(axis=1)):
        level, style, radius = (
            (LEVELS[_WIDE], "breach", 3.2) if outside[row, _WIDE] else (LEVELS[_NARROW], "near-breach", 2.4)
        )
        column = LEVELS.index(level)
        note = (
            f"{tail.date[row]}: {actual[row]:.5g}, outside the {level} % range "
            f"{lower[row, column]:.5g} to {upper[row, column]:.5g}"
        )
        parts.append(svg.dot(x(days[row]), y(actual[row]), radius, style, note))
    sentence = _sentence(outside, float(factor[-1, _WIDE] - 1))
    span = f"{tail.date[0]} to {tail.date[-1]}"
    description = f"{pair}, {span}, rates from {actual.min():.5g} to {actual.max():.5g}. {sentence}"
    title = f"{pair}: forecast ranges and actual rates"
    return Fan(pair, svg.drawing(f"fan-{position}", _HEIGHT, title, description, parts), sentence)


def _sentence(outside: NDArray[np.bool_], width: float) -> str:
    n = len(outside)
    wide, narrow = int(outside[:, _WIDE].sum()), int(outside[:, _NARROW].sum())
    return (
        f"{wide} of {n} rates are outside the 95 % range ({0.05 * n:.3g} expected), {narrow} outside the 80 % range "
        f"({0.2 * n:.3g} expected). The newest 95 % range is ±\u00a0{100 * width:.2f}\u00a0%."
    )


def _price(tick: float, y: svg.Scale) -> Markup:
    label = f"{tick:.6g}"
    grid = svg.rule(_LEFT, y(tick), svg.WIDTH - _RIGHT, y(tick), "grid")
    return grid + svg.text(_LEFT - 6, y(tick) + 4, label, "quiet", "end")


def _months(dates: NDArray[np.datetime64], x: svg.Scale) -> list[Markup]:
    """Returns the labels of the time axis: beginnings of months, at most six of them."""
    first, last = dates[0].astype("datetime64[M]") + 1, dates[-1].astype("datetime64[M]")
    months = np.arange(first, last + 1)
    shown = months[:: max(1, -(-len(months) // 6))]
    places = [x(float(month.astype("datetime64[D]").astype(int))) for month in shown]
    labels = [
        svg.text(min(place, svg.WIDTH - _RIGHT - 24), _BOTTOM + 16, str(month), "quiet", "middle")
        for place, month in zip(places, shown, strict=True)
    ]
    return [*(svg.rule(place, _BOTTOM, place, _BOTTOM + 4, "axis") for place in places), *labels]
