"""Measures of forecast accuracy: error against the last rate, coverage of ranges, and Winkler score. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def error_ratio(model: float, last_rate: float) -> float | None:
    """Return the model's error over the error of forecasting the last rate; below 1 the model is better.

    With mean absolute errors this is the relative MAE of Hyndman & Koehler (International Journal of Forecasting, 2006).

    Args:
        model: total or mean error of the model's forecasts.
        last_rate: total or mean error of forecasts that repeat the last rate, over the same rates.

    Returns:
        None when no rate moved, so that the last rate had no error.

    >>> error_ratio(1.5, 2.0), error_ratio(1.0, 0.0)
    (0.75, None)
    """
    return float(model / last_rate) if last_rate > 0 else None


def coverage(inside: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return the share of rates inside the range of each level.

    Args:
        inside: whether each range contains its rate, ``(n, levels)``, n at least 1.

    >>> coverage(np.array([[True, True], [False, True]]))
    (0.5, 1.0)
    """
    return tuple(inside.mean(axis=0).tolist())


def winkler_scores(
    error: NDArray[np.float64], half: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Return the score of each range ``+- half``: their width, plus ``2 / alpha`` times the distance outside.

    Smaller is better. Winkler, Journal of the American Statistical Association, 1972. The score is proper: Gneiting &
    Raftery, Journal of the American Statistical Association, 2007.

    Args:
        error: actual value minus the centre of its range, ``(n,)``.
        half: half widths of the ranges, ``(n,)``.
        level: the coverage that the ranges claim, ``1 - alpha``.

    >>> winkler_scores(np.array([0.0, 3.0]), np.array([1.0, 1.0]), 0.8).round(6).tolist()
    [2.0, 22.0]
    """
    outside = np.maximum(np.abs(error) - half, 0.0)
    scores: NDArray[np.float64] = 2 * half + 2 / (1 - level) * outside
    return scores


def winkler_score(error: NDArray[np.float64], half: NDArray[np.float64], level: float) -> float:
    """Return the mean of `winkler_scores`."""
    return float(winkler_scores(error, half, level).mean())
