"""Runs of equal rates in a batch of windows: pure.

A feed that hangs repeats its last rate. While it does, and for as long as that is in a history, the zeros among its
returns are no calm market, and the step that ends them is the move of several days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Returns = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standstills:
    """Histories that stand still now or did within sight; one row each.

    Attributes:
        rows: which rows of the batch, ``(m,)``.
        equal_rates: how many equal rates end each, ``(m,)``; 1 where the newest rate moved.
        stuck: whether that is more than the pair ever does, ``(m,)``.
        doubted: which returns say nothing of the volatility, ``(m, k)``.
        waited: steps that the newest return stands for, ``(m,)``; 1 unless it ends a standstill.
    """

    rows: NDArray[np.intp]
    equal_rates: NDArray[np.intp]
    stuck: NDArray[np.bool_]
    doubted: NDArray[np.bool_]
    waited: NDArray[np.intp]


def standstills(
    returns: Returns, equal_rates: NDArray[np.intp], longest_run: NDArray[np.intp]
) -> Standstills:
    """Find them. A peg that held still as long before, within sight, is no news, unless training never saw it do so.

    Args:
        returns: log returns, newest last, NaN before a short history, ``(n, k)``.
        equal_rates: so many equal rates in a row are too many for each row's pair, ``(n,)``.
        longest_run: equal rates in a row that training saw of the pair at most, ``(n,)``.

    >>> r = np.array([[0.1, 0.0, 0.0, 0.0, 0.2], [0.1, 0.2, 0.0, 0.0, 0.0], [0.0, 0.1, 0.0, 0.1, 0.0]])
    >>> found = standstills(r, np.full(3, 4), np.full(3, 2))
    >>> found.rows.tolist(), found.equal_rates.tolist(), found.stuck.tolist(), found.waited.tolist()
    ([0, 1], [1, 4], [False, True], [4, 1])
    >>> found.doubted.astype(int).tolist()
    [[0, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    """
    rows = _with_a_run_of(returns == 0, int(equal_rates.min(initial=2**31)) - 1)
    returns, too_many, longest = returns[rows], equal_rates[rows] - 1, longest_run[rows]
    up_to, whole = zero_runs(returns)
    now = up_to[:, -1]
    past = np.where(np.arange(returns.shape[1]) < returns.shape[1] - now[:, None], whole, 0)
    earlier = past.max(axis=1, initial=0)
    bar = np.maximum(too_many, np.where(earlier > 0, np.minimum(earlier + 2, longest + 1), 0))
    stuck = now >= bar
    doubted = (whole >= too_many[:, None]) & ((past > 0) | stuck[:, None])
    ends = np.zeros_like(doubted)
    ends[:, 1:] = doubted[:, :-1] & (whole[:, 1:] == 0)
    waited = np.where(ends[:, -1], up_to[:, -2] + 1, 1)
    return Standstills(rows, now + 1, stuck, doubted | ends, waited)


def zero_runs(returns: Returns) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each return how many zeros in a row end with it, and how many the whole of its run has, ``(n, k)`` each.

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
    """Rows with so many columns in a row marked; hardly any, so the rest is spared the counting."""
    if not 0 < count <= still.shape[1]:
        return np.zeros(0, dtype=np.intp)
    width = still.shape[1] - count + 1
    run = still[:, :width].copy()
    for shift in range(1, count):
        run &= still[:, shift : shift + width]
    return np.flatnonzero(run.any(axis=1))
