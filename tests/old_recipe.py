"""The ranges before a forest forecast their width: the yardstick of the promises and of the backtest's reference."""

from __future__ import annotations

import numpy as np


def old_scales(returns, stored):
    """Scales of the ranges in log returns, ``(n, 2)``: short histories had ten pseudo-observations of the stored sigma.

    Args:
        returns: log returns, newest last, NaN where missing, ``(n, 60)``.
        stored: sigma of each pair in training, ``(n,)``.
    """
    present = ~np.isnan(returns)
    sizes, count = np.where(present, np.abs(returns), 0.0), present.sum(axis=1)
    weights = 0.94 ** np.arange(returns.shape[1])[::-1]
    prior = np.where(count < 20, 10.0, 0.0)
    typical, weight = 0.7979 * stored, (present * weights).sum(axis=1) + prior
    sigma = np.sqrt(((sizes**2 * weights).sum(axis=1) + prior * stored**2) / weight)
    mean = ((sizes * weights).sum(axis=1) + prior * typical) / weight
    rank = returns.shape[1] - count + np.ceil(0.8 * count).astype(int) - 1
    quantile = np.take_along_axis(np.sort(sizes, axis=1), rank[:, None], axis=1)[:, 0]
    shape = np.clip(quantile / np.maximum(sizes.sum(axis=1) / count, 0.1 * typical), 0.8, 2.2)
    shoulder = np.maximum(mean, 0.1 * typical) * np.where(count < 20, 1.6062, shape) ** 0.6
    return np.column_stack((shoulder, np.maximum(sigma, 0.1 * stored)))
