"""Features of rate histories, as pure functions.

Every function works on a batch at once. A batch of histories is a *window matrix*: shape ``(n, WINDOW)``,
float64, newest rate in the last column, older rates to its left, NaN where a history is shorter.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.weighted_sums import EWMA, WeightedSums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# 61 rates give 60 returns. With a decay of 0.94 a 61st return would weigh 0.94**60 = 2.4 %, too little to show.
WINDOW = 61
ADAPTIVE_LENGTH = 21  # from this many rates on, a history's volatility is measured without the stored sigma
PRIOR_WEIGHT = 3.0  # shorter histories get this many pseudo-observations of the stored sigma
FLOOR_SHARE = 0.1  # no history, pegged or stuck, gets a volatility below this share of the stored sigma

FEATURE_NAMES = ("lag_1", "lag_2", "lag_3", "return_1", "return_2")
MODEL_INPUTS = 3  # columns of `model_inputs`


def window_matrix(histories: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return histories (oldest first, any length >= 1) as one matrix of shape ``(n, WINDOW)``, aligned to the right.

    >>> window_matrix([[1.0, 2.0, 4.0]])[0, -4:].tolist()
    [nan, 1.0, 2.0, 4.0]
    """
    lengths = np.fromiter(map(len, histories), np.intp, len(histories))
    return aligned(np.fromiter(chain.from_iterable(histories), np.float64, int(lengths.sum())), lengths)


def aligned(rates: NDArray[np.float64], lengths: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return histories that stand one after the other as a window matrix, ``(n, WINDOW)``.

    Args:
        rates: the rates of all histories, oldest first.
        lengths: number of rates of each history, at least 1, ``(n,)``.

    >>> aligned(np.array([1.0, 2.0, 4.0, 8.0]), np.array([3, 1]))[:, -3:].tolist()
    [[1.0, 2.0, 4.0], [nan, nan, 8.0]]
    """
    if (lengths == WINDOW).all():
        return rates.reshape(-1, WINDOW)
    ages = np.arange(WINDOW - 1, -1, -1)
    newest = lengths.cumsum() - 1
    is_there = ages < lengths[:, None]
    matrix = np.full(is_there.shape, np.nan)
    matrix[is_there] = rates[(newest[:, None] - ages)[is_there]]
    return matrix


def log_returns(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural-log returns of a window matrix, shape ``(n, WINDOW - 1)``; NaN where a rate is missing."""
    logs = np.log(windows)
    returns: NDArray[np.float64] = logs[:, 1:] - logs[:, :-1]
    return returns


def contract_features(windows: NDArray[np.float64], returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns ``FEATURE_NAMES`` for each history, shape ``(n, 5)``.

    ``lag_1`` is the newest rate; ``return_k`` is the natural-log return ``ln(lag_k / lag_(k+1))``, which
    stays finite for every pair of positive floats where a simple return could overflow.

    >>> w = window_matrix([[1.0, 2.0, 4.0]])
    >>> contract_features(w, log_returns(w)).round(4).tolist()
    [[4.0, 2.0, 1.0, 0.6931, 0.6931]]
    """
    values = np.empty((len(windows), len(FEATURE_NAMES)))
    values[:, :3], values[:, 3:] = windows[:, :-4:-1], returns[:, :-3:-1]
    return values


def ewma_volatility(
    returns: NDArray[np.float64] | WeightedSums,
    stored_sigma: NDArray[np.float64],
    recent_sigma: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the volatility of one step, shape ``(n,)``: the root of exponentially weighted squared log returns.

    ``sigma_t^2 = sum(0.94^k r_(t-k)^2) / sum(0.94^k)`` (RiskMetrics Technical Document, 1996, ch. 5). A
    history of fewer than ``ADAPTIVE_LENGTH`` rates gets ``PRIOR_WEIGHT`` pseudo-observations of its pair's
    recent sigma. The result is never below ``FLOOR_SHARE`` of the stored sigma.

    Args:
        returns: log returns, newest last, NaN where missing, shape ``(n, k)``; or their sums.
        stored_sigma: the pair's standard deviation of returns in training, shape ``(n,)``.
        recent_sigma: root mean square of the pair's last 500 returns in training, shape ``(n,)``.

    >>> r = log_returns(window_matrix([[1.0, 1.0, 1.0]]))
    >>> ewma_volatility(r, np.array([0.005]), np.array([0.004])).round(5).tolist()
    [0.00312]
    """
    sums = WeightedSums.of(returns)
    prior = np.where(sums.counts < ADAPTIVE_LENGTH - 1, PRIOR_WEIGHT, 0.0)
    variance = (sums.squares[:, EWMA] + prior * recent_sigma**2) / (sums.weights[:, EWMA] + prior)
    sigma: NDArray[np.float64] = np.maximum(np.sqrt(variance), FLOOR_SHARE * stored_sigma)
    return sigma


def floored(sigma: NDArray[np.float64], stored_sigma: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where `ewma_volatility` returned its floor, shape ``(n,)``.

    A short history is reported as ``static`` (it uses training's volatility) even then: only a pair whose recent sigma
    is far below its stored one can reach the floor with its pseudo-observations.

    >>> floored(np.array([0.0005, 0.005]), np.array([0.005, 0.005])).tolist()
    [True, False]
    """
    at_floor: NDArray[np.bool_] = sigma <= FLOOR_SHARE * stored_sigma
    return at_floor


def longest_run(rates: NDArray[np.float64]) -> int:
    """Return the length of the longest run of equal rates.

    >>> longest_run(np.array([1.0, 2.0, 2.0, 2.0, 1.0]))
    3
    """
    changes = np.flatnonzero(np.diff(rates)) + 1
    edges = np.concatenate(([0], changes, [len(rates)]))
    return int(np.diff(edges).max())


def model_inputs(
    returns: NDArray[np.float64], sigma: NDArray[np.float64], stored_sigma: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the scale-free inputs of the forest, shape ``(n, 3)``.

    They are the last two returns in units of sigma, and the log ratio of the current sigma to that of training. They
    are clipped to +-20: beyond its splits a forest makes no difference, and float32 must stay finite.
    """
    columns = (returns[:, -1] / sigma, returns[:, -2] / sigma, np.log(sigma / stored_sigma))
    inputs: NDArray[np.float64] = np.clip(np.column_stack(columns), -20.0, 20.0)
    return inputs.astype(np.float32)
