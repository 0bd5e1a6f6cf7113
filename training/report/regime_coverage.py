"""Results by kind of day: calm, middle and wild ones, and those after a shock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.model.ranges import LEVELS
from training import regimes
from training.coverage_interval import HeldShare
from training.evaluate import measure

if TYPE_CHECKING:
    from training.evaluate import Metrics, Outcomes

AFTER_SHOCK = "after a shock"
_IN_WORDS = {regimes.AFTER_SHOCK: AFTER_SHOCK}


def by_regime(outcomes: Outcomes) -> dict[str, Metrics]:
    """Returns kind of day -> metrics of its days; kinds without a day are left out."""
    masks = regimes.regimes(outcomes.volatility, outcomes.shock)
    return {
        _IN_WORDS.get(name, name): measure(outcomes.where(mask)) for name, mask in masks.items() if mask.any()
    }


def held_shares(metrics: Metrics) -> tuple[HeldShare, ...]:
    """Returns the coverage of each level in ``LEVELS``."""
    return tuple(
        HeldShare(int(level) / 100, metrics.coverage[level], *metrics.coverage_interval[level])
        for level in LEVELS
    )
