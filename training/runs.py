"""Runs of equal rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def longest_run(rates: NDArray[np.float64]) -> int:
    """Length of the longest run of equal rates.

    >>> longest_run(np.array([1.0, 2.0, 2.0, 2.0, 1.0]))
    3
    """
    changes = np.flatnonzero(np.diff(rates)) + 1
    edges = np.concatenate(([0], changes, [len(rates)]))
    return int(np.diff(edges).max())
