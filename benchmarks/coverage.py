"""How often the next rate lay in the range forecast for it, by pair, on years that the model has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.detectors import after_training
from ratecast.model import accuracy_measures
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.detectors import Detectors
    from ratecast.rates.tables import Series

MOST_POINTS_OFF = 1.5  # promised of every pair and level


@dataclass(frozen=True)
class Coverage:
    """Of one pair."""

    pair: str
    forecasts: int
    inside: dict[str, float]  # level -> share

    def points_off(self, level: str) -> float:
        """Coverage minus what the level says, in points."""
        return 100 * self.inside[level] - int(level)


def coverage(detectors: Detectors, series: Mapping[str, Series]) -> list[Coverage]:
    """Score every message after training but the last as a worker does, and look at the next rate."""
    found = []
    for pair, whole in series.items():
        first, last = after_training(whole), len(whole.rates) - 1
        windows, _ = detectors.prepared(whole, first, last)
        forecasts = detectors.forecaster.forecast(windows)
        following = whole.rates[first + 1 : last + 1, None]
        shares = accuracy_measures.coverage((forecasts.lower <= following) & (following <= forecasts.upper))
        found.append(Coverage(pair, len(windows), dict(zip(LEVELS, shares, strict=True))))
    return found


def coverage_table(found: list[Coverage]) -> list[list[str]]:
    """A row a pair: forecasts, and coverage of each level in %."""
    return [
        [of.pair, f"{of.forecasts:,}", *(f"{100 * of.inside[level]:.1f}" for level in LEVELS)] for of in found
    ]
