"""Finds the month in which the 95 % range failed most often, over all pairs and for a single one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.evaluate import Outcomes

STRETCH_DAYS = 20  # of rates: a month
_COLUMN = LEVELS.index("95")
_MISSES = 0.05  # that the range expects


@dataclass(frozen=True)
class Stretch:
    """Days on which many rates were outside the 95 % range.

    Attributes:
        pair: a pair, or None for all pairs together.
        first: first day of the stretch.
        last: its last day.
        breaches: rates outside the range.
        n: rates forecast.
    """

    pair: str | None
    first: np.datetime64
    last: np.datetime64
    breaches: int
    n: int

    @property
    def expected(self) -> float:
        """Number of rates that a range which keeps its promise misses."""
        return _MISSES * self.n

    def sentence(self) -> str:
        """Returns the stretch in words."""
        who = self.pair or "All pairs"
        outside = f"{self.breaches:,} of {self.n:,} rates were outside the 95 % range"
        expected = "1 is" if round(self.expected, 1) == 1 else f"{self.expected:,.3g} are"
        return f"{who}, {self.first} to {self.last}: {outside}, {expected} expected."


def breaches(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Returns whether each rate was outside the range of each level, ``(n, 2)``, columns ``LEVELS``."""
    return np.asarray(np.abs(outcomes.actual - outcomes.step)[:, None] > outcomes.half)


def rolling(values: NDArray[np.float64] | NDArray[np.intp], length: int) -> NDArray[np.float64]:
    """Returns the sum of each ``length`` values in a row, ``(n - length + 1,)``.

    >>> rolling(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [3.0, 5.0]
    """
    return np.asarray(np.convolve(values, np.ones(length), "valid"))


def worst_of_all_pairs(outcomes: Outcomes) -> Stretch:
    """Returns the ``STRETCH_DAYS`` days in a row with the most breaches above what is expected, all pairs together.

    A test with fewer days is one stretch. Of equally bad stretches it is the first.
    """
    days, day = np.unique(outcomes.date, return_inverse=True)
    missed = np.bincount(day, breaches(outcomes)[:, _COLUMN].astype(np.float64))
    made = np.bincount(day)
    length = min(STRETCH_DAYS, len(days))
    misses, forecasts = rolling(missed, length), rolling(made, length)
    start = int(np.argmax(np.round(misses - _MISSES * forecasts, 6)))
    return Stretch(None, days[start], days[start + length - 1], round(misses[start]), round(forecasts[start]))


def worst_of_a_pair(outcomes: Outcomes, names: Sequence[str]) -> Stretch:
    """Returns the same of the pair whose worst stretch is the worst.

    Args:
        outcomes: of the test days, at least one.
        names: names of the pairs by position.
    """
    worst = []
    for position in np.unique(outcomes.pair).tolist():
        found = worst_of_all_pairs(outcomes.where(outcomes.pair == position))
        worst.append(Stretch(names[position], found.first, found.last, found.breaches, found.n))
    return max(worst, key=lambda stretch: stretch.breaches - stretch.expected)
