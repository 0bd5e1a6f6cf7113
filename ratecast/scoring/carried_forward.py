"""Finds weekends in a history that only repeat the rate of the day before. Pure, a batch at a time.

A closed market is not a calm one. Its returns of zero would narrow the range by a sixth, and two of them next to a
holiday would make a feed look stuck. `ratecast.rates.closed_days` finds such weekends in whole tables for training. A
history is shorter, so here all of its Saturdays (or all of its Sundays) must repeat, and at least ``LEAST_COPIES`` of
them. Free pairs repeat a rate on about 1 % of their days, so a source that quotes seven days a week loses nothing.
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
    """Histories with weekends that were carried forward, one row each.

    Attributes:
        rows: their rows in the batch, ``(m,)``.
        closed: which of their returns lead to a rate that was carried forward, ``(m, k)``.
    """

    rows: NDArray[np.intp]
    closed: NDArray[np.bool_]

    def masks(self) -> dict[int, NDArray[np.bool_]]:
        """Return row -> mask of the returns that lead to a rate that was carried forward, ``(k,)``."""
        return dict(zip(self.rows.tolist(), self.closed, strict=True))

    def open_returns(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the returns of open days only, aligned to the right behind NaN, ``(n, k)``."""
        if not len(self.rows):
            return returns
        without_closed = np.where(self.closed, np.nan, returns[self.rows])
        result = returns.copy()
        result[self.rows] = np.take_along_axis(without_closed, self._order(), axis=1)
        return result

    def restore_places(self, still: Standstills) -> Standstills:
        """Move the masks of standstills, found in `open_returns`, to the places of these returns in the history."""
        if not len(self.rows) or not len(still.rows):
            return still
        _, there, here = np.intersect1d(still.rows, self.rows, assume_unique=True, return_indices=True)
        if not len(there):
            return still
        ignored = still.ignored.copy()
        moved = np.zeros_like(ignored[there])
        np.put_along_axis(moved, self._order()[here], ignored[there], axis=1)
        ignored[there] = moved
        return replace(still, ignored=ignored)

    def texts(self) -> dict[int, str]:
        """Return the text of the alert for each row."""
        return {
            row: f"carried forward: {count} rates of Saturdays and Sundays only repeat the rate before them"
            for row, count in zip(self.rows.tolist(), self.closed.sum(axis=1).tolist(), strict=True)
        }

    def newest(self) -> list[int]:
        """Return the rows whose newest rate was carried forward."""
        found: list[int] = self.rows[self.closed[:, -1]].tolist()
        return found

    def _order(self) -> NDArray[np.intp]:
        """Return the order in which closed days come first, then open ones, both oldest first, ``(m, k)``."""
        return np.argsort(~self.closed, axis=1, kind="stable")


def carried_forward(
    returns: NDArray[np.float64], weekdays: Mapping[int, NDArray[np.int64]]
) -> CarriedForward:
    """Find the histories with weekends that were carried forward.

    Args:
        returns: log returns, newest last, NaN before a short history, ``(n, k)``.
        weekdays: row -> weekday of the rate that each return leads to, ``(k,)``; Monday is 0, unknown is -1.

    >>> r = np.array([[0.01, 0.0, 0.0, 0.02]])
    >>> carried_forward(r, {0: np.array([4, 5, 6, 0])}).closed.tolist()
    [[False, True, True, False]]
    """
    rows = np.array(list(weekdays), dtype=np.intp)
    if not len(rows):
        return CarriedForward(rows, np.zeros((0, returns.shape[1]), dtype=np.bool_))
    dated = returns[rows]
    days = np.array(list(weekdays.values()), dtype=np.int64).reshape(dated.shape)
    there, still = ~np.isnan(dated), dated == 0
    closed = np.zeros_like(still)
    for day in (SATURDAY, SUNDAY):
        on_day = (days == day) & there
        closed |= on_day & (still | ~on_day).all(axis=1)[:, None]
    enough = closed.sum(axis=1) >= LEAST_COPIES
    return CarriedForward(rows[enough], closed[enough])
