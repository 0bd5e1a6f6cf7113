"""Ranges to compare a model with: around the last rate, by a simple scale times a conformal quantile of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS, half_widths
from training.conformal import conformal_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.dataset import Rows

REFERENCE = "volatility alone"


def _constant(rows: Rows) -> NDArray[np.float64]:
    return np.column_stack((rows.stored, rows.stored))


def _ewma(rows: Rows) -> NDArray[np.float64]:
    """RiskMetrics Technical Document, 1996, ch. 5, over the 60 returns of a full history."""
    return np.column_stack((rows.sigma, rows.sigma))


def _volatility_alone(rows: Rows) -> NDArray[np.float64]:
    """The ranges of this project before a forest forecast their width."""
    return rows.scales


# Name -> scales of the ranges of each row, (n, 2), columns LEVELS.
BASELINES: dict[str, Callable[[Rows], NDArray[np.float64]]] = {
    REFERENCE: _volatility_alone,
    "EWMA 0.94": _ewma,
    "constant width": _constant,
}


def baseline_half_widths(name: str, training: Rows, tested: Rows) -> NDArray[np.float64]:
    """Returns the half widths of a baseline's ranges in log returns, ``(n, 2)``, columns ``LEVELS``.

    Args:
        name: key of ``BASELINES``.
        training: rows that the quantiles come from.
        tested: n later rows.
    """
    scales = BASELINES[name]
    sizes = np.abs(training.target)[:, None] / scales(training)
    quantiles = [conformal_quantile(sizes[:, c], int(level) / 100) for c, level in enumerate(LEVELS)]
    return half_widths(np.array(quantiles), scales(tested))
