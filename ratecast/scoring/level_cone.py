"""Computes how far a rate may have moved since the end of training. Pure.

The spread of a random walk grows with the root of time, so n trading days away from the last training rate the bound is
``cone_sigmas * sigma * sqrt(n + n0)`` around that rate. ``cone_sigmas`` is fitted in training
(`training.quality_limits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.dates import day_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.model.rate_windows import Windows
    from ratecast.model.training_stats import PairStats

# n0: keeps the tails of single returns from deciding in the first days after training.
CONE_DAYS = 20.0
CONE_YEARS = 6  # assumed distance from the end of training, if a rate has no date
TRADING_DAYS = 5 / 7  # of calendar days


@dataclass(frozen=True, slots=True)
class Reach:
    """Bounds of the newest rates of a batch, in logs; one entry per history, ``(n,)`` each."""

    centre: NDArray[np.float64]
    sigma: NDArray[np.float64]  # of the walk from the centre
    floor: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    dated: NDArray[np.bool_]

    def outside(self, rates: NDArray[np.float64]) -> dict[int, str]:
        """Return row -> alert text for the rates, one per history, that are out of bounds."""
        levels = np.log(rates)
        rows = ((levels < self.floor) | (levels > self.ceiling)).nonzero()[0]
        if not len(rows):
            return {}
        sigmas = np.abs(levels - self.centre)[rows] / self.sigma[rows]
        allowance = np.where(
            self.dated[rows],
            "even allowing for the time since then",
            f"even allowing for {CONE_YEARS} years of drift (the message has no date)",
        )
        return {
            row: f"level cone: {distance:.3g} sigma from the last training rate, {age}"
            for row, distance, age in zip(rows.tolist(), sigmas.tolist(), allowance.tolist(), strict=True)
        }

    def ways_back(
        self, rows: NDArray[np.intp], before: NDArray[np.float64], newest: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which steps of some histories led from outside the cone well into it: from a wrong level to a right one.

        Args:
            rows: rows of the batch, ``(m,)``.
            before: the rate before each step, ``(m,)``.
            newest: the rate after each step, ``(m,)``.
        """
        then, now, centre = np.log(before), np.log(newest), self.centre[rows]
        floor, ceiling = self.floor[rows], self.ceiling[rows]
        was_wrong = (then < floor) | (then > ceiling)
        result: NDArray[np.bool_] = (
            was_wrong & (now >= floor) & (now <= ceiling) & (np.abs(then - centre) > 2 * np.abs(now - centre))
        )
        return result


class LevelCone:
    """The cones of all pairs of a bundle.

    Args:
        sigmas: half width of each pair's cone in sigma, ``(p,)``.
        training: training statistics of each pair.
    """

    def __init__(self, sigmas: NDArray[np.float64], training: Sequence[PairStats]) -> None:
        self._sigmas = sigmas
        self._last = np.log([pair.last_rate for pair in training])
        self._last_days = np.array([day_number(pair.last_date) for pair in training], dtype=np.float64)
        self._lowest = np.log([pair.features["lag_1"].min for pair in training])
        self._highest = np.log([pair.features["lag_1"].max for pair in training])

    def reach(self, windows: Windows, newest_days: NDArray[np.float64]) -> Reach:
        """Return the bounds of the newest rates of a batch.

        They are the same for a rate as far before the end of training, because a random walk backwards is a random
        walk. A rate without a date may be of any day: its cone is the widest, extended to every level in training.

        Args:
            windows: n histories.
            newest_days: days of their newest rates since 1970-01-01, NaN where unknown, ``(n,)``.
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
