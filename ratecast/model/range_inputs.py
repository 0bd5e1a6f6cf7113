"""What the forest sees of a history to forecast how wide the next move will be.

All inputs are free of scale (in units of the history's volatility) and symmetric: a quote and its inverse give the
same range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.weighted_sums import EWMA, FLAT, HALF_LIVES, WeightedSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
_TINY = np.finfo(np.float64).tiny
_LEAST_MEAN = 0.03  # of sigma: a mean below says that the rate stood still, not by how much


def range_inputs(
    returns: NDArray[np.float64] | WeightedSums, sigma: NDArray[np.float64], shoulder: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Inputs of the range forest, float32, ``(n, 11)``, columns ``RANGE_INPUT_NAMES``.

    Args:
        returns: Log returns, newest last, NaN where missing, ``(n, k)``; or their sums.
        sigma: EWMA volatility of the same returns, ``(n,)``.
        shoulder: Shoulder scale of the same returns, ``(n,)``.

    >>> r = np.full((1, 60), 0.01)
    >>> print(range_inputs(r, np.array([0.01]), np.array([0.008]))[0, 5:8].round(2))
    [0.  1.  0.8]
    """
    sums = WeightedSums.of(returns)
    weights = np.maximum(sums.weights, _TINY)  # 0 if no return is there
    means = np.maximum((sums.sizes / weights)[:, :EWMA], _LEAST_MEAN * sigma[:, None])
    rms = np.sqrt(sums.squares[:, FLAT] / weights[:, FLAT])
    inputs = np.empty((len(sigma), len(RANGE_INPUT_NAMES)), dtype=np.float32)
    inputs[:, :5] = np.log(means / sigma[:, None])
    inputs[:, 5] = np.log(rms / sigma + 1e-3)
    inputs[:, 6] = np.minimum(sums.newest / sigma, 8.0)
    inputs[:, 7] = shoulder / sigma
    inputs[:, 8] = np.minimum(sums.largest / sigma, 12.0)
    inputs[:, 9] = sums.ranked(sums.counts // 2) / means[:, -1]  # the upper median
    inputs[:, 10] = np.minimum(np.abs(sums.move) / sigma / np.sqrt(np.maximum(sums.steps, 1)), 4.0)
    return inputs
