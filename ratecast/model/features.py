"""Features of a rate history, and nothing else: values in, values out.

Every function works on a batch at once. A batch of histories is a *window matrix*: shape ``(n, WINDOW)``,
float64, newest rate in the last column, older rates to its left, NaN where a history is shorter.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# 61 rates give 60 returns. Under a decay of 0.94 the 61st weighs 0.94**60 = 2.4 %: more would not show.
WINDOW = 61
DECAY = 0.94  # RiskMetrics (1996), daily data
ADAPTIVE_LENGTH = 21  # from this many rates on, a history's own volatility stands on its own feet
PRIOR_WEIGHT = 10.0  # pseudo-observations of the stored sigma, for shorter histories
FLOOR_SHARE = 0.1  # a pegged or stuck history never claims less than this share of the stored sigma

FEATURE_NAMES = ("lag_1", "lag_2", "lag_3", "return_1", "return_2")

DECAY_WEIGHTS = DECAY ** np.arange(WINDOW - 2, -1, -1, dtype=np.float64)


def window_matrix(histories: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Align histories (oldest first, any length >= 1) to the right of one matrix of shape ``(n, WINDOW)``.

    >>> window_matrix([[1.0, 2.0, 4.0]])[0, -4:].tolist()
    [nan, 1.0, 2.0, 4.0]
    """
    recent = [h if len(h) <= WINDOW else h[-WINDOW:] for h in histories]
    lengths = np.fromiter(map(len, recent), np.intp, len(recent))
    flat = np.fromiter(chain.from_iterable(recent), np.float64, int(lengths.sum()))
    if lengths.size and int(lengths.min()) == WINDOW:
        return flat.reshape(-1, WINDOW)
    matrix = np.full((len(recent), WINDOW), np.nan)
    matrix[np.arange(WINDOW) >= WINDOW - lengths[:, None]] = flat
    return matrix


def log_returns(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural-log returns of a window matrix, shape ``(n, WINDOW - 1)``; NaN where a rate is missing."""
    logs = np.log(windows)
    returns: NDArray[np.float64] = logs[:, 1:] - logs[:, :-1]
    return returns


def contract_features(windows: NDArray[np.float64], returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns ``FEATURE_NAMES`` for each history, shape ``(n, 5)``.

    ``lag_1`` is the newest rate; ``return_k`` is the natural-log return ``ln(lag_k / lag_(k+1))``, which
    stays finite for every pair of positive floats where a simple return could overflow.

    >>> w = window_matrix([[1.0, 2.0, 4.0]])
    >>> contract_features(w, log_returns(w)).round(4).tolist()
    [[4.0, 2.0, 1.0, 0.6931, 0.6931]]
    """
    return np.column_stack((windows[:, :-4:-1], returns[:, :-3:-1]))


def ewma_volatility(returns: NDArray[np.float64], stored_sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volatility of one step, shape ``(n,)``: the root of exponentially weighted squared log returns.

    ``sigma_t^2 = sum(0.94^k r_(t-k)^2) / sum(0.94^k)`` (RiskMetrics Technical Document, 1996, ch. 5). A
    history of fewer than ``ADAPTIVE_LENGTH`` rates is filled up with ``PRIOR_WEIGHT`` pseudo-observations of
    its pair's stored sigma; no history may fall below ``FLOOR_SHARE`` of it.

    Args:
        returns: log returns, newest last, NaN where missing, shape ``(n, k)``, k at most ``WINDOW - 1``.
        stored_sigma: the pair's standard deviation of returns in training, shape ``(n,)``.

    >>> r = log_returns(window_matrix([[1.0, 1.0, 1.0]]))
    >>> ewma_volatility(r, np.array([0.005])).round(5).tolist()
    [0.00458]
    """
    present = ~np.isnan(returns)
    squares = np.where(present, returns, 0.0) ** 2
    # Row sums, not a matrix product: BLAS may sum a row in another order when its batch has another size,
    # and a forecast must not depend on which messages it was scored with.
    weights = DECAY_WEIGHTS[-returns.shape[1] :]
    weighted = (squares * weights).sum(axis=1)
    weight = (present * weights).sum(axis=1)
    prior = np.where(present.sum(axis=1) < ADAPTIVE_LENGTH - 1, PRIOR_WEIGHT, 0.0)
    variance = (weighted + prior * stored_sigma**2) / (weight + prior)
    sigma: NDArray[np.float64] = np.maximum(np.sqrt(variance), FLOOR_SHARE * stored_sigma)
    return sigma


def floored(sigma: NDArray[np.float64], stored_sigma: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a volatility of `ewma_volatility` is the floor's and not the history's own, shape ``(n,)``.

    A short history never is: the pseudo-observations of the stored sigma alone keep its volatility above 60 % of it.
    So a range never leans on training (``static``) and stands on the floor at the same time.

    >>> floored(np.array([0.0005, 0.005]), np.array([0.005, 0.005])).tolist()
    [True, False]
    """
    at_floor: NDArray[np.bool_] = sigma <= FLOOR_SHARE * stored_sigma
    return at_floor


def longest_run(rates: NDArray[np.float64]) -> int:
    """Length of the longest run of equal rates.

    >>> longest_run(np.array([1.0, 2.0, 2.0, 2.0, 1.0]))
    3
    """
    changes = np.flatnonzero(np.diff(rates)) + 1
    edges = np.concatenate(([0], changes, [len(rates)]))
    return int(np.diff(edges).max())


def model_inputs(
    returns: NDArray[np.float64], sigma: NDArray[np.float64], stored_sigma: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What the forest sees, free of scale, shape ``(n, 3)``.

    The last two returns in units of sigma, and the log ratio of sigma now to sigma in training; clipped to
    +-20, because a forest cannot tell beyond its splits and float32 must stay finite.
    """
    columns = (returns[:, -1] / sigma, returns[:, -2] / sigma, np.log(sigma / stored_sigma))
    inputs: NDArray[np.float64] = np.clip(np.column_stack(columns), -20.0, 20.0)
    return inputs.astype(np.float32)
