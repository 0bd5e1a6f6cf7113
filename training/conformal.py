"""Computes the split-conformal quantiles of |error| / scale: one table for all pairs, by length of the history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# A short history estimates the current volatility less well, so its range needs a larger quantile. From 61 rates on
# nothing changes: older returns have a weight of less than 2.4 %.
LENGTHS = (3, 5, 11, 21, WINDOW)


def conformal_quantile(scores: NDArray[np.float64], level: float) -> float:
    """Returns the smallest q such that a new exchangeable score is at most q with probability ``level`` or more.

    It is the ``ceil((n + 1) level)``-th smallest of n scores (Vovk, Gammerman & Shafer, 2005; Lei et al.,
    JASA, 2018). The plain empirical quantile would be too low by about ``1 / n``.

    Args:
        scores: absolute normalised errors on rows the model was not fitted to, ``(n,)``.
        level: wanted coverage, 0 to 1.

    Raises:
        ValueError: there are too few scores for the level, so that no finite q exists.

    >>> conformal_quantile(np.arange(1.0, 20.0), 0.8), conformal_quantile(np.arange(1.0, 20.0), 0.95)
    (16.0, 19.0)
    """
    # Without rounding 20 * 0.95, which is slightly above 19 in floating point, would become 20.
    rank = math.ceil(round((len(scores) + 1) * level, 9))
    if rank > len(scores):
        raise ValueError(f"{len(scores)} scores are too few for a {level:.0%} range")
    return float(np.partition(scores, rank - 1)[rank - 1])


def quantile_table(scores: Mapping[int, NDArray[np.float64]]) -> dict[str, dict[int, float]]:
    """Returns level -> history length -> quantile.

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
