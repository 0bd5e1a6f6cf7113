"""Measures how often the next rate is inside its range, by pair, on years that the model was not trained on."""

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

MOST_POINTS_OFF = 1.5  # largest promised difference for every pair and level, in percentage points


@dataclass(frozen=True)
class Coverage:
    """Coverage of the ranges of one pair."""

    pair: str
    forecasts: int
    inside: dict[str, float]  # level -> share

    def points_off(self, level: str) -> float:
        """Returns coverage minus the level, in percentage points."""
        return 100 * self.inside[level] - int(level)


def coverage(detectors: Detectors, series: Mapping[str, Series]) -> list[Coverage]:
    """Scores every message after training except the last one as a worker does, and compares with the next rate."""
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
    """Returns a row for each pair: number of forecasts, and coverage of each level in %."""
    return [
        [pair.pair, f"{pair.forecasts:,}", *(f"{100 * pair.inside[level]:.1f}" for level in LEVELS)]
        for pair in found
    ]
