"""What the forest sees of a history to forecast how wide the next move will be.

All inputs are free of scale (in units of the history's volatility) and symmetric: a quote and its inverse give the
same range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_LIVES = (1.0, 2.5, 5.0, 22.0)  # steps; the last mean is flat
RANGE_INPUT_NAMES = (
    *(f"log_mean_{half_life:g}" for half_life in HALF_LIVES),
    "log_mean_flat",
    "log_rms",
    "newest",
    "shoulder",
    "largest",
    "median_over_mean",
    "twenty_steps",
)
_AGES = np.arange(WINDOW - 2, -1, -1, dtype=np.float64)
_KERNELS = np.stack([*(0.5 ** (_AGES / half_life) for half_life in HALF_LIVES), np.ones(WINDOW - 1)])
_LEAST_MEAN = 0.03  # of sigma: a mean below says that the rate stood still, not by how much
_STEPS = 20


def range_inputs(
    returns: NDArray[np.float64], sigma: NDArray[np.float64], shoulder: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Inputs of the range forest, float32, ``(n, 11)``, columns ``RANGE_INPUT_NAMES``.

    Args:
        returns: Log returns, newest last, NaN where missing, ``(n, k)``, k at most ``WINDOW - 1``.
        sigma: EWMA volatility of the same returns, ``(n,)``.
        shoulder: Shoulder scale of the same returns, ``(n,)``.

    >>> r = np.full((1, 60), 0.01)
    >>> range_inputs(r, np.array([0.01]), np.array([0.008])).round(2).tolist()[0][:8]
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.8]
    """
    present = ~np.isnan(returns)
    sizes = np.where(present, np.abs(returns), 0.0)
    kernels = _KERNELS[:, -returns.shape[1] :]
    least = _LEAST_MEAN * sigma
    # Sums along rows, not a matrix product: a forecast must not depend on which messages it was scored with.
    means = [np.maximum((sizes * kernel).sum(axis=1) / _weight(present, kernel), least) for kernel in kernels]
    rms = np.sqrt((sizes**2).sum(axis=1) / _weight(present, kernels[-1]))
    recent = np.where(present, returns, 0.0)[:, -_STEPS:].sum(axis=1)
    steps = np.maximum(present[:, -_STEPS:].sum(axis=1), 1)
    columns = (
        *(np.log(mean / sigma) for mean in means),
        np.log(rms / sigma + 1e-3),
        np.clip(sizes[:, -1] / sigma, 0.0, 8.0),
        shoulder / sigma,
        np.clip(sizes.max(axis=1) / sigma, 0.0, 12.0),
        _median(sizes, present) / means[-1],
        np.clip(np.abs(recent) / sigma / np.sqrt(steps), 0.0, 4.0),
    )
    return np.column_stack(columns).astype(np.float32)


def _weight(present: NDArray[np.bool_], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of a kernel's weights over the returns that are there, ``(n,)``."""
    weight: NDArray[np.float64] = np.maximum((present * kernel).sum(axis=1), np.finfo(np.float64).tiny)
    return weight


def _median(sizes: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Upper median of each row's sizes that are there, ``(n,)``. Missing ones are 0 and sort first."""
    count = present.sum(axis=1)
    rank = np.minimum(sizes.shape[1] - count + count // 2, sizes.shape[1] - 1)
    ordered = np.partition(sizes, np.unique(rank), axis=1)
    return np.take_along_axis(ordered, rank[:, None], axis=1)[:, 0]
