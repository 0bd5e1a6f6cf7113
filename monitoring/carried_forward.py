"""Weekends in a message's history that only repeat the rate of the day before: pure, a batch at a time.

A closed market is not a calm one: learnt from, these zeros would narrow the range by a sixth, and two of them beside a
holiday would make a feed look stuck. `ratecast.carried_forward` is the same for training, from whole tables. A history shows less, so here all of its
Saturdays (or all of its Sundays) must repeat, and at least ``LEAST_COPIES`` of them: free pairs repeat a rate on about
1 % of their days, and a source of quotes of seven days loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.carried_forward import SATURDAY, SUNDAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitoring.standstill import Standstills

LEAST_COPIES = 2


@dataclass(frozen=True, slots=True)
class CarriedForward:
    """Row -> which of its returns lead to a rate that was carried forward, ``(k,)``; few rows of a batch, if any."""

    masks: dict[int, NDArray[np.bool_]]

    def squeezed(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        """The returns of open days alone, moved up to the newest, NaN before them, ``(n, k)``."""
        if not self.masks:
            return returns
        result = returns.copy()
        for row, mask in self.masks.items():
            kept = returns[row, ~mask]
            result[row] = np.nan
            result[row, len(mask) - len(kept) :] = kept
        return result

    def spread(self, still: Standstills) -> Standstills:
        """Standstills that were found among squeezed returns, their doubts moved back to where the returns lie."""
        if not self.masks:
            return still
        doubted = still.doubted.copy()
        for position, row in enumerate(still.rows.tolist()):
            if (mask := self.masks.get(row)) is not None:
                doubted[position] = False
                doubted[position, ~mask] = still.doubted[position, mask.sum() :]
        return replace(still, doubted=doubted)

    def words(self) -> dict[int, str]:
        """What to say of each row."""
        return {
            row: f"carried forward: {mask.sum()} of the rates are of Saturdays or Sundays and repeat the rate before"
            for row, mask in self.masks.items()
        }

    def newest(self) -> list[int]:
        """Rows whose newest rate was carried forward."""
        return [row for row, mask in self.masks.items() if mask[-1]]


def carried_forward(
    returns: NDArray[np.float64], weekdays: Mapping[int, NDArray[np.int64]]
) -> CarriedForward:
    """Find them.

    Args:
        returns: log returns, newest last, NaN before a short history, ``(n, k)``.
        weekdays: row -> weekday of the rate that each return leads to, Monday is 0, -1 where unknown, ``(k,)``.

    >>> r = np.array([[0.01, 0.0, 0.0, 0.02]])
    >>> carried_forward(r, {0: np.array([4, 5, 6, 0])}).masks[0].tolist()
    [False, True, True, False]
    """
    masks: dict[int, NDArray[np.bool_]] = {}
    for row, of_row in weekdays.items():
        still, there = returns[row] == 0, ~np.isnan(returns[row])
        mask = np.zeros(len(of_row), dtype=np.bool_)
        for day in (SATURDAY, SUNDAY):
            on_day = (of_row == day) & there
            if bool(still[on_day].all()):
                mask |= on_day
        if mask.sum() >= LEAST_COPIES:
            masks[row] = mask
    return CarriedForward(masks)
