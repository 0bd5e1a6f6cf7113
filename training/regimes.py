"""Days on which coverage is looked at apart: calm, middle and wild ones, and those after a shock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import FLOOR_SHARE, WINDOW
from ratecast.model.weighted_sums import DECAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.dataset import Rows

REGIMES = ("calm", "middle", "wild")  # codes 0, 1 and 2
AFTER_SHOCK = "after_shock"
SHOCK_SIGMAS = 3

_WEIGHT = (1 - DECAY ** (WINDOW - 1)) / (1 - DECAY)  # the sum of the weights of a full history


def regimes(volatility: NDArray[np.float64], shock: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Returns which days are calm, middle and wild, and which come after a shock: name -> mask, ``(n,)``.

    Args:
        volatility: as for `terciles`.
        shock: from `after_shock`.
    """
    third = terciles(volatility)
    return {name: third == code for code, name in enumerate(REGIMES)} | {AFTER_SHOCK: shock}


def terciles(volatility: NDArray[np.float64]) -> NDArray[np.intp]:
    """Returns the position in ``REGIMES`` of each day: the third of the days that its volatility belongs to, ``(n,)``.

    Args:
        volatility: volatility known before each day in units of the pair's sigma, ``rows.sigma / rows.stored``, ``(n,)``.

    >>> terciles(np.array([3.0, 1.0, 2.0, 9.0, 4.0, 5.0])).tolist()
    [1, 0, 0, 2, 1, 2]
    """
    if not len(volatility):
        return np.zeros(0, dtype=np.intp)
    return np.searchsorted(np.quantile(volatility, [1 / 3, 2 / 3]), volatility)


def after_shock(rows: Rows) -> NDArray[np.bool_]:
    """Returns whether the newest return of each history was over ``SHOCK_SIGMAS`` of the volatility before it, ``(n,)``.

    Args:
        rows: rows of full histories. Their volatility is an EWMA that includes the newest return with weight 1, so the
            volatility before it follows without the other returns.
    """
    newest = rows.inputs[:, 0] * rows.sigma
    before = np.maximum(_WEIGHT * rows.sigma**2 - newest**2, 0.0) / (_WEIGHT - 1)
    volatility = np.maximum(np.sqrt(before), FLOOR_SHARE * rows.stored)
    return np.asarray(np.abs(newest) > SHOCK_SIGMAS * volatility)
