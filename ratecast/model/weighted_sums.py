"""Sums of a batch's returns with weights that fall with age, from which volatility, scales and range inputs are made.

Each message needs them twice: up to the rate before its newest for the hindcast, and up to its newest for the forecast.
The newest return moves every sum by one step, ``S_t = kept * S_(t-1) + r_t``, so the history is summed and sorted only
once. Both stand in one batch, so that what is made from them takes one pass: of a lone message, calls are the cost.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_LIVES = (1.0, 2.5, 5.0, 22.0)  # steps
DECAY = 0.94  # RiskMetrics (1996), daily data
FLAT, EWMA = -2, -1  # columns of equal weights and of weights DECAY ** age
STEPS = 20  # a month of days
# What remains of each weight after one step; the columns of all sums.
_KEPT = np.array([*(0.5 ** (1 / half_life) for half_life in HALF_LIVES), 1.0, DECAY])


@dataclass(frozen=True)
class WeightedSums:
    """Sums over the returns r of n rows; a missing return counts in none of them.

    Attributes:
        counts: number of returns, ``(n,)``.
        weights: sums of the weights, ``(n, 6)``: by ``HALF_LIVES``, flat, and by ``DECAY``.
        sizes: sums of weight times |r|, ``(n, 6)``.
        squares: sums of weight times r^2, ``(n, 2)``, flat and by ``DECAY``.
        newest: newest |r|, 0 if it is missing, ``(n,)``.
        move: sum of the newest ``STEPS`` returns, ``(n,)``.
        steps: number of these returns, ``(n,)``.
        ordered: 0, then |r| of older returns, ascending, with missing ones as 0, then infinity, ``(h, m + 2)``.
        places: row of ``ordered`` that belongs to each row, ``(n,)``.
        added: the one |r| that belongs into this order, 0 if there is none, ``(n,)``.
    """

    counts: NDArray[np.intp]
    weights: NDArray[np.float64]
    sizes: NDArray[np.float64]
    squares: NDArray[np.float64]
    newest: NDArray[np.float64]
    move: NDArray[np.float64]
    steps: NDArray[np.intp]
    ordered: NDArray[np.float64]
    places: NDArray[np.intp]
    added: NDArray[np.float64]

    @classmethod
    def of(cls, returns: NDArray[np.float64] | WeightedSums) -> WeightedSums:
        """Return the sums of log returns, newest last, NaN where missing, ``(n, k)``; sums are returned as they are.

        >>> float(WeightedSums.of(np.array([[np.nan, 0.02, -0.01]])).sizes[0, EWMA])
        0.0288
        """
        return (
            returns if isinstance(returns, WeightedSums) else before_and_now(returns).part(len(returns), None)
        )

    def part(self, first: int | None, last: int | None) -> WeightedSums:
        """Return the rows from ``first`` on and before ``last``; the order of |r| is shared."""
        parts = {
            field.name: getattr(self, field.name)[first:last]
            for field in fields(self)
            if field.name != "ordered"
        }
        return replace(self, **parts)

    @property
    def largest(self) -> NDArray[np.float64]:
        """The largest |r| of each row, 0 if no return is there, ``(n,)``."""
        largest: NDArray[np.float64] = np.maximum(self.ordered[self.places, -2], self.added)
        return largest

    def ranked(self, ranks: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the |r| of each row with a rank, 0 for the smallest of those that are there, ``(n,)``.

        >>> sums = WeightedSums.of(np.array([[0.03, np.nan, 0.01, -0.02]]))
        >>> [float(sums.ranked(np.array([rank]))[0]) for rank in (0, 1, 2)]
        [0.01, 0.02, 0.03]
        """
        last = self.ordered.shape[1] - 2
        # Missing returns are zeros and come first, so the rank skips them.
        place = np.minimum(ranks + last + 1 - self.counts, last)
        below, above = self.ordered[self.places, place], self.ordered[self.places, place + 1]
        ranked: NDArray[np.float64] = np.maximum(below, np.minimum(above, self.added))
        return ranked

    def with_histories(self, histories: NDArray[np.intp], others: WeightedSums) -> WeightedSums:
        """Return the sums of `before_and_now` with those of some histories replaced by those of ``others``."""
        rows = np.concatenate((histories, histories + len(self.ordered)))
        replaced = {}
        for field in fields(self):
            values = getattr(self, field.name).copy()
            if field.name == "ordered":
                values[histories] = others.ordered
            elif field.name != "places":
                values[rows] = getattr(others, field.name)
            replaced[field.name] = values
        return WeightedSums(**replaced)


def before_and_now(returns: NDArray[np.float64]) -> WeightedSums:
    """Return the sums of histories without their newest return in the first h rows, and with it in the next h rows.

    Args:
        returns: log returns, newest last, NaN where missing, ``(h, k)``, k at least 1.
    """
    count, older_count = returns.shape[0], returns.shape[1] - 1
    before, now = slice(None, count), slice(count, None)
    present = ~np.isnan(returns)
    all_present = present.all()
    known = returns if all_present else np.where(present, returns, 0.0)
    absolute = np.abs(known)
    older, newest = absolute[:, :-1], absolute[:, -1:]
    kernels, squared_kernels = _kernels(older_count)
    weights, sizes = np.empty((2 * count, len(_KEPT))), np.empty((2 * count, len(_KEPT)))
    squares, added = np.empty((2 * count, 2)), np.zeros(2 * count)
    weights[before] = _each_row(np.ones((1, older_count)) if all_present else 1.0 * present[:, :-1], kernels)
    weights[now] = _KEPT * weights[before] + present[:, -1:]
    sizes[before] = _each_row(older, kernels)
    sizes[now] = _KEPT * sizes[before] + newest
    squares[before] = _each_row(older * older, squared_kernels)
    squares[now] = _KEPT[FLAT:] * squares[before] + newest**2
    added[now] = newest[:, 0]
    newest_of = added.copy()
    if older_count:
        newest_of[before] = older[:, -1]
    ordered = np.zeros((count, older_count + 2))
    ordered[:, 1:-1], ordered[:, -1] = older, np.inf
    ordered[:, 1:-1].sort(axis=1)
    rows = np.arange(count)
    spans = (slice(-STEPS - 1, -1), slice(-STEPS, None))
    return WeightedSums(
        counts=weights[:, FLAT].astype(np.intp),
        weights=weights,
        sizes=sizes,
        squares=squares,
        newest=newest_of,
        move=np.concatenate([known[:, span].sum(axis=1) for span in spans]),
        steps=np.concatenate([present[:, span].sum(axis=1) for span in spans]),
        ordered=ordered,
        places=np.concatenate((rows, rows)),
        added=added,
    )


@lru_cache(maxsize=128)
def _kernels(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights of ``count`` returns, newest last, ``(count, 6)``, and those for squares, ``(count, 2)``."""
    kernels = _KEPT ** np.arange(count - 1, -1, -1, dtype=np.float64)[:, None]
    return np.asfortranarray(kernels), np.asfortranarray(kernels[:, FLAT:])


def _each_row(values: NDArray[np.float64], kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix product, ``(n, columns)``, made row by row.

    One product of the whole batch would take a third of the time, but BLAS may add up a row in another order when the
    number of rows changes, and a forecast must not depend on the other messages of its batch.
    """
    product: NDArray[np.float64] = (values[:, None, :] @ kernels)[:, 0]
    return product
