"""Results by kind of day: calm, middle and wild ones, and those after a shock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.model.ranges import LEVELS
from training.coverage_interval import HeldShare
from training.evaluate import measure
from training.regimes import REGIMES, terciles

if TYPE_CHECKING:
    from training.evaluate import Metrics, Outcomes

AFTER_SHOCK = "after a shock"


def by_regime(outcomes: Outcomes) -> dict[str, Metrics]:
    """Returns kind of day -> metrics of its days; kinds without a day are left out."""
    third = terciles(outcomes.volatility)
    masks = {name: third == code for code, name in enumerate(REGIMES)} | {AFTER_SHOCK: outcomes.shock}
    return {name: measure(outcomes.where(mask)) for name, mask in masks.items() if mask.any()}


def held_shares(metrics: Metrics) -> tuple[HeldShare, ...]:
    """Returns the coverage of each level in ``LEVELS``."""
    return tuple(
        HeldShare(int(level) / 100, metrics.coverage[level], *metrics.coverage_interval[level])
        for level in LEVELS
    )
