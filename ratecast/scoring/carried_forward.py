"""Weekends in a message's history that only repeat the rate of the day before: pure, a batch at a time.

A closed market is not a calm one: learnt from, these zeros would narrow the range by a sixth, and two of them beside a
holiday would make a feed look stuck. `ratecast.rates.closed_days` is the same for training, from whole tables. A history
shows less, so here all of its Saturdays (or all of its Sundays) must repeat, and at least ``LEAST_COPIES`` of them: free
pairs repeat a rate on about 1 % of their days, and a source of quotes of seven days loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.rates.closed_days import SATURDAY, SUNDAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ratecast.scoring.standstill import Standstills

LEAST_COPIES = 2


@dataclass(frozen=True, slots=True)
class CarriedForward:
    """Histories whose weekends were carried forward, one row each.

    Attributes:
        rows: which rows of the batch, ``(m,)``.
        closed: which of their returns lead to a rate that was carried forward, ``(m, k)``.
    """

    rows: NDArray[np.intp]
    closed: NDArray[np.bool_]

    def masks(self) -> dict[int, NDArray[np.bool_]]:
        """Row -> which of its returns, ``(k,)``."""
        return dict(zip(self.rows.tolist(), self.closed, strict=True))

    def squeezed(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        """The returns of open days alone, moved up to the newest, NaN before them, ``(n, k)``."""
        if not len(self.rows):
            return returns
        own = np.where(self.closed, np.nan, returns[self.rows])
        result = returns.copy()
        result[self.rows] = np.take_along_axis(own, self._order(), axis=1)
        return result

    def spread(self, still: Standstills) -> Standstills:
        """Standstills that were found among squeezed returns, their doubts moved back to where the returns lie."""
        _, there, here = np.intersect1d(still.rows, self.rows, assume_unique=True, return_indices=True)
        if not len(there):
            return still
        doubted = still.doubted.copy()
        moved = np.zeros_like(doubted[there])
        np.put_along_axis(moved, self._order()[here], doubted[there], axis=1)
        doubted[there] = moved
        return replace(still, doubted=doubted)

    def words(self) -> dict[int, str]:
        """What to say of each row."""
        return {
            row: f"carried forward: {count} of the rates are of Saturdays or Sundays and repeat the rate before"
            for row, count in zip(self.rows.tolist(), self.closed.sum(axis=1).tolist(), strict=True)
        }

    def newest(self) -> list[int]:
        """Rows whose newest rate was carried forward."""
        found: list[int] = self.rows[self.closed[:, -1]].tolist()
        return found

    def _order(self) -> NDArray[np.intp]:
        """Where each squeezed return stood: closed days first, then the open ones, both oldest first, ``(m, k)``."""
        return np.argsort(~self.closed, axis=1, kind="stable")


def carried_forward(
    returns: NDArray[np.float64], weekdays: Mapping[int, NDArray[np.int64]]
) -> CarriedForward:
    """Find them.

    Args:
        returns: log returns, newest last, NaN before a short history, ``(n, k)``.
        weekdays: row -> weekday of the rate that each return leads to, Monday is 0, -1 where unknown, ``(k,)``.

    >>> r = np.array([[0.01, 0.0, 0.0, 0.02]])
    >>> carried_forward(r, {0: np.array([4, 5, 6, 0])}).closed.tolist()
    [[False, True, True, False]]
    """
    rows = np.array(list(weekdays), dtype=np.intp)
    own = returns[rows]
    of_rows = np.array(list(weekdays.values()), dtype=np.int64).reshape(own.shape)
    there, still = ~np.isnan(own), own == 0
    closed = np.zeros_like(still)
    for day in (SATURDAY, SUNDAY):
        on_day = (of_rows == day) & there
        closed |= on_day & (still | ~on_day).all(axis=1)[:, None]
    enough = closed.sum(axis=1) >= LEAST_COPIES
    return CarriedForward(rows[enough], closed[enough])
