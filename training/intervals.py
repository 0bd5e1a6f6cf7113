"""Split-conformal quantiles of |error| / scale, one table for all pairs, by length of the history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Short histories know less of today's volatility, so their ranges must be wider in units of it. From 61 rates
# on nothing changes: older returns weigh under 2.4 %.
LENGTHS = (3, 5, 11, 21, WINDOW)


def conformal_quantile(scores: NDArray[np.float64], level: float) -> float:
    """The smallest q such that a new exchangeable score is at most q with probability ``level`` or more.

    That is the ``ceil((n + 1) level)``-th smallest of n scores (Vovk, Gammerman & Shafer, 2005; Lei et al.,
    JASA, 2018). The plain empirical quantile would fall short by about ``1 / n``.

    Args:
        scores: absolute normalised errors on rows the model was not fitted to, ``(n,)``.
        level: wanted coverage, 0 to 1.

    Raises:
        ValueError: too few scores for the level: no finite q would do.

    >>> conformal_quantile(np.arange(1.0, 20.0), 0.8), conformal_quantile(np.arange(1.0, 20.0), 0.95)
    (16.0, 19.0)
    """
    # The round keeps 20 * 0.95, a hair above 19 in floating point, from counting as 20.
    rank = math.ceil(round((len(scores) + 1) * level, 9))
    if rank > len(scores):
        raise ValueError(f"{len(scores)} scores are too few for a {level:.0%} range")
    return float(np.partition(scores, rank - 1)[rank - 1])


def quantile_table(scores: Mapping[int, NDArray[np.float64]]) -> dict[str, dict[int, float]]:
    """Level -> history length -> quantile.

    Args:
        scores: history length -> absolute errors over each level's scale, ``(n, 2)``, columns ``LEVELS``.
    """
    return {
        level: {
            length: conformal_quantile(values[:, column], int(level) / 100)
            for length, values in scores.items()
        }
        for column, level in enumerate(LEVELS)
    }
