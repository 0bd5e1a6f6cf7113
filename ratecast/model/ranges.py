"""The scale of the range of each level; a conformal quantile times the scale is the half width.

The wide range (95) is scaled by the volatility, the root of an EWMA of squared returns. The narrow one (80) is not:
where its edge is in units of the volatility depends on the shape of the distribution, which differs by pair and year.
Fat tails raise the volatility but leave the shoulders of the distribution in place, so with one quantile for all pairs
coverage was 78 to 83 %. The scale of the narrow range is an EWMA of absolute returns, times the ratio of the history's
80 % quantile of absolute returns to their mean. With the full exponent this is filtered historical simulation (Hull &
White, Journal of Risk, 1998). Sixty returns are too few for that, so an exponent shrinks the ratio to the common shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import ADAPTIVE_LENGTH, FLOOR_SHARE, PRIOR_WEIGHT
from ratecast.model.weighted_sums import EWMA, FLAT, WeightedSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = ("80", "95")
# Chosen from 0, 0.3, 0.6 and 1 on 2015 to 2020, with models fitted up to 2014 and 2017 (figures in docs/decisions).
SHAPE_EXPONENT = 0.6
SHAPE_BOUNDS = (0.8, 2.2)  # bounds of the 80 % quantile over the mean; only pegged pairs are beyond them
NORMAL_SHAPE = 1.6062  # the ratio of a normal distribution, 1.28155 / sqrt(2 / pi), for short histories
NORMAL_MEAN = 0.7979  # mean absolute value of a normal distribution over its standard deviation, sqrt(2 / pi)
_LEVEL = 0.8


def range_scales(
    returns: NDArray[np.float64] | WeightedSums,
    sigma: NDArray[np.float64],
    stored_sigma: NDArray[np.float64],
    recent_sigma: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the scales of the ranges in log returns, shape ``(n, 2)``, columns `ratecast.model.ranges.LEVELS`.

    Args:
        returns: log returns, newest last, NaN where missing, shape ``(n, k)``; or their sums.
        sigma: EWMA volatility of these returns, shape ``(n,)``.
        stored_sigma: the pair's standard deviation of returns in training, shape ``(n,)``.
        recent_sigma: root mean square of the pair's last 500 returns in training, shape ``(n,)``.
    """
    scales = np.empty((len(sigma), len(LEVELS)))
    scales[:, 0], scales[:, 1] = shoulder_scale(returns, stored_sigma, recent_sigma), sigma
    return scales


def half_widths(quantiles: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the half widths of the ranges in log returns, ``(n, 2)``, columns `ratecast.model.ranges.LEVELS`.

    The narrow range is never wider than the wide one, although their scales could cross.

    Args:
        quantiles: conformal quantile of each level, ``(2,)`` or ``(n, 2)``.
        scales: from `range_scales`, ``(n, 2)``.

    >>> half_widths(np.array([2.0, 2.0]), np.array([[1.0, 3.0], [4.0, 3.0]])).tolist()
    [[2.0, 6.0], [6.0, 6.0]]
    """
    half = quantiles * scales
    half[:, 0] = np.minimum(half[:, 0], half[:, 1])
    return half


def shoulder_scale(
    returns: NDArray[np.float64] | WeightedSums,
    stored_sigma: NDArray[np.float64],
    recent_sigma: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the EWMA of absolute returns times the history's shape to the power ``SHAPE_EXPONENT``, ``(n,)``.

    For short and pegged histories it uses the sigmas of training, as `ratecast.model.features.ewma_volatility` does.

    >>> r = np.array([[0.01, -0.01] * 30])
    >>> sigma = np.array([0.01])
    >>> float(round(shoulder_scale(r, sigma, sigma)[0], 6)), float(round(0.01 * 1.0**SHAPE_EXPONENT, 6))
    (0.01, 0.01)
    """
    sums = WeightedSums.of(returns)
    prior = np.where(sums.counts < ADAPTIVE_LENGTH - 1, PRIOR_WEIGHT, 0.0)
    typical = NORMAL_MEAN * stored_sigma
    now = (sums.sizes[:, EWMA] + prior * NORMAL_MEAN * recent_sigma) / (sums.weights[:, EWMA] + prior)
    scale: NDArray[np.float64] = (
        np.maximum(now, FLOOR_SHARE * typical) * _shape(sums, typical) ** SHAPE_EXPONENT
    )
    return scale


def _shape(sums: WeightedSums, typical: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 80 % quantile of each history's absolute returns over their mean, within bounds, ``(n,)``."""
    counts = np.maximum(sums.counts, 1)
    quantile = sums.ranked(np.ceil(_LEVEL * counts).astype(np.intp) - 1)
    mean = np.maximum(sums.sizes[:, FLAT] / counts, FLOOR_SHARE * typical)
    return np.where(sums.counts < ADAPTIVE_LENGTH - 1, NORMAL_SHAPE, np.clip(quantile / mean, *SHAPE_BOUNDS))
