"""Draws how often ranges held: a line for each pair, kind of day or year, a mark with its error bar for each level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.model.ranges import LEVELS
from training.report import svg
from training.report.regime_coverage import held_shares
from training.report.verdicts import GREEN_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from training.coverage_interval import HeldShare
    from training.evaluate import Metrics

_LEFT, _RIGHT, _TOP, _LINE = 92, 12, 26, 19
_STYLES = ("narrow", "wide")  # of the levels' marks
_LOWEST = 70.0  # in percent; the axis goes lower only if a share does


def coverage_figure(name: str, title: str, groups: Mapping[str, Metrics]) -> Markup:
    """Returns the drawing.

    Args:
        name: id of the drawing.
        title: what the groups are.
        groups: name of each line -> its metrics; at least one.
    """
    shares = {group: held_shares(metrics) for group, metrics in groups.items()}
    lowest = min(100 * share.held for of_group in shares.values() for share in of_group)
    x = svg.Scale(min(_LOWEST, 5 * (lowest // 5)), 100.0, _LEFT, svg.WIDTH - _RIGHT)
    bottom = _TOP + _LINE * len(shares)
    parts = [_promise(int(level), x, bottom) for level in LEVELS]
    parts += [
        svg.text(x(tick), bottom + 16, f"{tick:g} %", "quiet", "middle")
        for tick in svg.ticks(x.low, x.high, 6)
    ]
    parts.append(svg.rule(_LEFT, bottom, svg.WIDTH - _RIGHT, bottom, "axis"))
    for number, (group, of_group) in enumerate(shares.items()):
        y = _TOP + _LINE * (number + 0.5)
        parts.append(svg.text(_LEFT - 8, y + 4, group, "", "end"))
        for style, share in zip(_STYLES, of_group, strict=True):
            ends = [x(max(x.low, 100 * end)) for end in (share.low, share.high)]
            parts.append(svg.rule(ends[0], y, ends[1], y, f"{style} bar"))
            note = f"{group}, {100 * share.promised:g} % range: held {share.in_percent()}"
            parts.append(svg.dot(x(100 * share.held), y, 3.6, style, note))
    return svg.drawing(name, bottom + 24, title, _described(shares), parts)


def _promise(level: int, x: svg.Scale, bottom: float) -> Markup:
    """Returns the line at a level's promise, and the band around it in which a share is as good as promised."""
    low, high = x(max(x.low, level - GREEN_POINTS)), x(min(100.0, level + GREEN_POINTS))
    return (
        svg.box(low, _TOP, high - low, bottom - _TOP, "good")
        + svg.rule(x(level), _TOP, x(level), bottom, "promise")
        + svg.text(x(level), _TOP - 9, f"{level} % range", _STYLES[LEVELS.index(str(level))], "middle")
    )


def _described(shares: Mapping[str, tuple[HeldShare, ...]]) -> str:
    sentences = []
    for group, of_group in shares.items():
        levels = ", ".join(
            f"the {100 * share.promised:g} % range held {share.in_percent()}" for share in of_group
        )
        sentences.append(f"{group}: {levels}.")
    return " ".join(sentences)
