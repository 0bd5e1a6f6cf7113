"""Finds runs of equal rates in a batch of windows. Pure.

A feed that hangs repeats its last rate. The returns of zero do not mean a calm market, now or later in the history, and
the step that ends them is the move of several days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Returns = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standstills:
    """Histories that contain a standstill; one row each.

    Attributes:
        rows: their rows in the batch, ``(m,)``.
        equal_rates: number of equal rates at the end of each, ``(m,)``; 1 if the newest rate moved.
        stuck: whether that is more than is normal for the pair, ``(m,)``.
        ignored: which returns must not count in the volatility, ``(m, k)``.
        waited: number of steps that the newest return covers, ``(m,)``; 1 unless it ends a standstill.
    """

    rows: NDArray[np.intp]
    equal_rates: NDArray[np.intp]
    stuck: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    waited: NDArray[np.intp]


def standstills(
    returns: Returns, equal_rates: NDArray[np.intp], longest_run: NDArray[np.intp]
) -> Standstills:
    """Find the standstills of a batch.

    A peg is not stuck if its history has an earlier standstill about as long, unless training had none of that length.

    Args:
        returns: log returns, newest last, NaN before a short history, ``(n, k)``.
        equal_rates: number of equal rates in a row that is too many for each row's pair, ``(n,)``.
        longest_run: longest run of equal rates of the pair in training, ``(n,)``.

    >>> r = np.array([[0.1, 0.0, 0.0, 0.0, 0.2], [0.1, 0.2, 0.0, 0.0, 0.0], [0.0, 0.1, 0.0, 0.1, 0.0]])
    >>> found = standstills(r, np.full(3, 4), np.full(3, 2))
    >>> found.rows.tolist(), found.equal_rates.tolist(), found.stuck.tolist(), found.waited.tolist()
    ([0, 1], [1, 4], [False, True], [4, 1])
    >>> found.ignored.astype(int).tolist()
    [[0, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    """
    rows = _with_a_run_of(returns == 0, int(equal_rates.min(initial=2**31)) - 1)
    if not len(rows):
        return Standstills(
            rows, rows, rows.astype(np.bool_), np.zeros((0, returns.shape[1]), dtype=np.bool_), rows
        )
    returns, too_many, longest = returns[rows], equal_rates[rows] - 1, longest_run[rows]
    up_to, whole = zero_runs(returns)
    now = up_to[:, -1]
    past = np.where(np.arange(returns.shape[1]) < returns.shape[1] - now[:, None], whole, 0)
    earlier = past.max(axis=1, initial=0)
    least = np.maximum(too_many, np.where(earlier > 0, np.minimum(earlier + 2, longest + 1), 0))
    stuck = now >= least
    ignored = (whole >= too_many[:, None]) & ((past > 0) | stuck[:, None])
    ends = np.zeros_like(ignored)
    ends[:, 1:] = ignored[:, :-1] & (whole[:, 1:] == 0)
    waited = np.where(ends[:, -1], up_to[:, -2] + 1, 1)
    return Standstills(rows, now + 1, stuck, ignored | ends, waited)


def zero_runs(returns: Returns) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each return the zeros in a row up to it, and the zeros in its whole run, ``(n, k)`` each.

    >>> up_to, whole = zero_runs(np.array([[0.0, 0.0, 0.5, 0.0]]))
    >>> up_to.tolist(), whole.tolist()
    ([[1, 2, 0, 1]], [[2, 2, 0, 1]])
    """
    moved = returns != 0  # NaN, before a short history, counts as a move
    count = returns.shape[1]
    at = np.arange(count)
    last_move = np.maximum.accumulate(np.where(moved, at, -1), axis=1)
    next_move = np.minimum.accumulate(np.where(moved, at, count)[:, ::-1], axis=1)[:, ::-1]
    return at - last_move, np.where(moved, 0, next_move - last_move - 1)


def _with_a_run_of(still: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    """Return the rows with ``count`` marked columns in a row; they are few, and only they need closer counting."""
    if not 0 < count <= still.shape[1]:
        return np.zeros(0, dtype=np.intp)
    width = still.shape[1] - count + 1
    run = still[:, :width].copy()
    for shift in range(1, count):
        run &= still[:, shift : shift + width]
    found: NDArray[np.intp] = np.logical_or.reduce(run, axis=1).nonzero()[0]
    return found
