"""How far a rate may have gone since the end of training, by the time between: pure.

A random walk's spread grows with the root of time, so the bound is ``cone_sigmas * sigma * sqrt(n + n0)`` around the
training's last rate, n trading days away from it. ``cone_sigmas`` is fitted at training (`training.quality_limits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.dates import day_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.model.forecast import Windows
    from ratecast.model.training_stats import PairStats

# Added to n, so that the first days after training are not judged by the tails of single returns.
CONE_DAYS = 20.0
CONE_YEARS = 6  # how old a model is judged as, and how far from training a rate without a date may be
TRADING_DAYS = 5 / 7  # of calendar days


@dataclass(frozen=True, slots=True)
class Reach:
    """The levels in which the newest rates of a batch may lie, in logs; one entry a history, ``(n,)`` each."""

    centre: NDArray[np.float64]
    sigma: NDArray[np.float64]  # of the walk from there
    floor: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    dated: NDArray[np.bool_]

    def outside(self, rates: NDArray[np.float64]) -> dict[int, str]:
        """Which of some rates, one a history, lie beyond them, and how far, in words."""
        levels = np.log(rates)
        rows = np.flatnonzero((levels < self.floor) | (levels > self.ceiling))
        sigmas = np.abs(levels - self.centre)[rows] / self.sigma[rows]
        ages = np.where(
            self.dated[rows], " for its age", f", were it {CONE_YEARS} years away (it has no date)"
        )
        return {
            row: f"level cone: {distance:.3g} sigma from the last training rate{age}"
            for row, distance, age in zip(rows.tolist(), sigmas.tolist(), ages.tolist(), strict=True)
        }

    def ways_back(
        self, rows: NDArray[np.intp], before: NDArray[np.float64], newest: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which steps of some histories led from a wrong level to a right one, from outside the cone well into it.

        Args:
            rows: of the batch, ``(m,)``.
            before: the rate before each step, ``(m,)``.
            newest: the rate it led to, ``(m,)``.
        """
        then, now, centre = np.log(before), np.log(newest), self.centre[rows]
        floor, ceiling = self.floor[rows], self.ceiling[rows]
        was_wrong = (then < floor) | (then > ceiling)
        result: NDArray[np.bool_] = (
            was_wrong & (now >= floor) & (now <= ceiling) & (np.abs(then - centre) > 2 * np.abs(now - centre))
        )
        return result


class LevelCone:
    """The cones of a bundle's pairs.

    Args:
        sigmas: half width of each pair's cone, ``(p,)``.
        seen: what training saw of each.
    """

    def __init__(self, sigmas: NDArray[np.float64], seen: Sequence[PairStats]) -> None:
        self._sigmas = sigmas
        self._last = np.log([pair.last_rate for pair in seen])
        self._last_days = np.array([day_number(pair.last_date) for pair in seen], dtype=np.float64)
        self._lowest = np.log([pair.features["lag_1"].min for pair in seen])
        self._highest = np.log([pair.features["lag_1"].max for pair in seen])

    def reach(self, windows: Windows, newest_days: NDArray[np.float64]) -> Reach:
        """How far the newest rates of a batch may have come.

        A rate from before the end of training is held to the same cone: a walk read backwards is a walk. One
        without a date may be of any day, so it gets the widest cone, and every level that training saw.

        Args:
            windows: n histories.
            newest_days: the days of their newest rates since 1970-01-01, NaN where unknown, ``(n,)``.
        """
        pairs = windows.pairs
        age = np.abs(newest_days - self._last_days[pairs]) * TRADING_DAYS
        dated = ~np.isnan(age)
        sigma = windows.stored * np.sqrt(np.where(dated, age, CONE_YEARS * 365 * TRADING_DAYS) + CONE_DAYS)
        centre, reach = self._last[pairs], self._sigmas[pairs] * sigma
        floor, ceiling = centre - reach, centre + reach
        return Reach(
            centre,
            sigma,
            np.where(dated, floor, np.minimum(floor, self._lowest[pairs])),
            np.where(dated, ceiling, np.maximum(ceiling, self._highest[pairs])),
            dated,
        )
