"""Ranges for several steps ahead: each number of steps has conformal quantiles of its own, on the scales of the next step.

The width grows with about the root of the steps, as that of a random walk does. The quantiles are fitted to the returns
over so many steps (`training.further_tables`), so coverage does not depend on that rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def horizon_half_widths(
    quantiles: NDArray[np.float64], scales: NDArray[np.float64], half: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the half widths of the ranges for each number of steps in log returns, ``(n, k, 2)``, columns ``LEVELS``.

    The narrow range is never wider than the wide one. No range is narrower than that of fewer steps.

    Args:
        quantiles: conformal quantile of each number of steps, ascending, and each level, ``(n, k, 2)`` or ``(k, 2)``.
        scales: scales of the ranges of the next step, ``(n, 2)``.
        half: half widths of these ranges, ``(n, 2)``.

    >>> q = np.array([[3.0, 4.0], [2.0, 5.0]])
    >>> horizon_half_widths(q, np.array([[1.0, 1.0]]), np.array([[2.0, 4.5]])).tolist()
    [[[3.0, 4.5], [3.0, 5.0]]]
    """
    widths = quantiles * scales[:, None, :]
    widths[..., 0] = np.minimum(widths[..., 0], widths[..., 1])
    widths[:, 0] = np.maximum(widths[:, 0], half)
    result: NDArray[np.float64] = np.maximum.accumulate(widths, axis=1)
    return result
