"""Tests whether one forecast is better than another (Diebold-Mariano, with its usual corrections)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DieboldMariano:
    """Result of the test.

    Attributes:
        statistic: positive if the model has the smaller loss.
        p_value: one-sided p-value of "the model is no better than the baseline".
    """

    statistic: float
    p_value: float


def newey_west_variance(series: NDArray[np.float64], lags: int | None = None) -> float:
    """Returns the long-run variance of a stationary series, with Bartlett weights (Newey & West, Econometrica, 1987).

    ``gamma_0 + 2 sum_k (1 - k / (L + 1)) gamma_k``; by default ``L = floor(4 (T / 100)^(2/9))``
    (Newey & West, Review of Economic Studies, 1994).

    Args:
        series: shape ``(T,)``.
        lags: L.

    >>> newey_west_variance(np.array([1.0, -1.0, 1.0, -1.0]), lags=0)
    1.0
    >>> newey_west_variance(np.array([1.0, -1.0, 1.0, -1.0]), lags=1)
    0.25
    """
    count = len(series)
    if lags is None:
        lags = int(4 * (count / 100) ** (2 / 9))
    centred = series - series.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, min(lags, count - 1) + 1):
        covariance = float(centred[lag:] @ centred[:-lag]) / count
        variance += 2 * (1 - lag / (lags + 1)) * covariance
    return variance


def diebold_mariano(advantage: NDArray[np.float64]) -> DieboldMariano | None:
    """Tests whether a one-step forecast has a smaller loss than the baseline; None if they never differ.

    Diebold & Mariano, Journal of Business & Economic Statistics, 1995; the factor ``sqrt((T - 1) / T)`` and
    Student's t with ``T - 1`` degrees of freedom: Harvey, Leybourne & Newbold, International Journal of
    Forecasting, 1997, for horizon 1.

    Args:
        advantage: the baseline's loss minus the model's at each time, ordered, shape ``(T,)``.

    >>> diebold_mariano(np.zeros(100)) is None
    True
    >>> round(diebold_mariano(np.array([2.0, 0.0, 2.0, 0.0, 2.0])).statistic, 3)
    4.392
    """
    from scipy import stats

    count = len(advantage)
    if count < 2 or not np.any(advantage):
        return None
    variance = newey_west_variance(advantage)
    if variance <= 0:
        return None
    statistic = float(advantage.mean() / np.sqrt(variance / count) * np.sqrt((count - 1) / count))
    return DieboldMariano(statistic, float(stats.t.sf(statistic, count - 1)))
