"""Quantiles of the next rate: the bounds of central ranges, which are symmetric in log returns.

The bounds of the range that holds 80 % are the quantiles at 10 and 90 %, and so on. The ranges of 80 and 95 % are those
of the prediction. Three more have conformal quantiles of their own. The shoulders of the distribution (50 %) use the
scale of the 80 % range and the tail (98 %) that of the 95 % range, for the reason in `ratecast.model.ranges`; the range
between these two (90 %) uses their geometric mean.

Signed quantiles, one table for each side, are no better: the skew of the training years does not last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CENTRAL_LEVELS = ("50", "90", "98")  # percent inside the central ranges that have quantiles of their own
_COLUMNS = (50.0, 80.0, 90.0, 95.0, 98.0)  # percent inside, columns of `central_half_widths`


def central_scales(scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scales of the central ranges, ``(n, 3)``, columns `CENTRAL_LEVELS`.

    Args:
        scales: scales of the 80 and 95 % ranges, ``(n, 2)``.

    >>> central_scales(np.array([[1.0, 4.0]])).tolist()
    [[1.0, 2.0, 4.0]]
    """
    shoulder, tail = scales[:, 0], scales[:, 1]
    return np.column_stack((shoulder, np.sqrt(shoulder) * np.sqrt(tail), tail))


def central_half_widths(
    quantiles: NDArray[np.float64], scales: NDArray[np.float64], half: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the half widths of the ranges that hold 50, 80, 90, 95 and 98 % in log returns, ``(n, 5)``.

    Those of 80 and 95 % are the given ones. The others are cut to fit between them, so that quantiles never cross.

    Args:
        quantiles: conformal quantiles, ``(n, 3)`` or ``(3,)``, columns `CENTRAL_LEVELS`.
        scales: scales of the 80 and 95 % ranges, ``(n, 2)``.
        half: half widths of these ranges, ``(n, 2)``.

    >>> central_half_widths(np.array([1.0, 1.0, 1.0]), np.array([[1.0, 4.0]]), np.array([[3.0, 5.0]])).tolist()
    [[1.0, 3.0, 3.0, 5.0, 5.0]]
    """
    own = quantiles * central_scales(scales)
    narrow, wide = half[:, 0], half[:, 1]
    inner, middle, outer = own[:, 0], own[:, 1], own[:, 2]
    return np.column_stack(
        (
            np.minimum(inner, narrow),
            narrow,
            np.clip(middle, narrow, wide),
            wide,
            np.maximum(outer, wide),
        )
    )


def quantile_steps(central: NDArray[np.float64], percents: Sequence[str]) -> NDArray[np.float64]:
    """Return quantiles of the next return around its forecast, ``(n, len(percents))``.

    Args:
        central: from `central_half_widths`, ``(n, 5)``.
        percents: which quantiles, of `ratecast.optional_fields.QUANTILES`.

    >>> quantile_steps(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), ("1", "25", "50", "97.5")).tolist()
    [[-5.0, -1.0, 0.0, 4.0]]
    """
    steps = np.zeros((len(central), len(percents)))
    for column, percent in enumerate(map(float, percents)):
        if percent != 50:  # the median is the forecast itself
            inside = abs(2 * percent - 100)
            steps[:, column] = np.sign(percent - 50) * central[:, _COLUMNS.index(inside)]
    return steps
