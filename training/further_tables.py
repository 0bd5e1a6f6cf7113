"""Conformal tables of the optional fields: quantiles for several steps ahead, and for further central ranges.

They divide by the same scales as the ranges of the next rate and come from the same rows. Returns over several steps
overlap, so their scores depend on each other. This makes the quantiles less certain but not wrong on average.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.quantiles import CENTRAL_LEVELS, central_scales
from ratecast.model.ranges import LEVELS
from ratecast.optional_fields import HORIZONS
from training.conformal import conformal_quantile
from training.horizon_returns import horizon_returns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from training.dataset import PairHistory, Rows

Table = dict[str, dict[int, float]]  # level -> history length -> quantile


@dataclass(frozen=True)
class FurtherScores:
    """Conformity scores of rows of one history length.

    Attributes:
        horizons: steps -> |error| over each level's scale, ``(n_steps, 2)``, columns ``LEVELS``.
        central: |error of the next rate| over each central range's scale, ``(n, 3)``, columns ``CENTRAL_LEVELS``.
    """

    horizons: dict[int, NDArray[np.float64]]
    central: NDArray[np.float64]


@dataclass(frozen=True)
class FurtherTables:
    """The tables of the optional fields; a table that has too little data is missing.

    Attributes:
        horizons: steps -> level -> history length -> quantile.
        central: central level -> history length -> quantile; empty, or all of ``CENTRAL_LEVELS``.
    """

    horizons: dict[int, Table] = field(default_factory=dict)
    central: Table = field(default_factory=dict)


def further_scores(
    histories: Sequence[PairHistory], rows: Rows, step: NDArray[np.float64], scales: NDArray[np.float64]
) -> FurtherScores:
    """Returns the scores of some rows.

    Args:
        histories: the pairs that the rows were built from.
        rows: n rows of histories of one length.
        step: forecast log return of the next rate, which is the forecast for all steps, ``(n,)``.
        scales: scales of the ranges of the next rate, ``(n, 2)``, columns ``LEVELS``.
    """
    horizons = {}
    for steps in HORIZONS:
        returns = horizon_returns(histories, rows, steps)
        known = ~np.isnan(returns)
        horizons[steps] = np.abs(returns - step)[known, None] / scales[known]
    return FurtherScores(horizons, np.abs(rows.target - step)[:, None] / central_scales(scales))


def further_tables(scores: Mapping[int, FurtherScores]) -> FurtherTables:
    """Returns the tables of the optional fields.

    Args:
        scores: history length -> scores.
    """
    horizons = {
        steps: table
        for steps in HORIZONS
        if (table := _table({n: s.horizons[steps] for n, s in scores.items()}, LEVELS))
    }
    return FurtherTables(horizons, _table({n: s.central for n, s in scores.items()}, CENTRAL_LEVELS))


def _table(scores: Mapping[int, NDArray[np.float64]], levels: Sequence[str]) -> Table:
    """Returns level -> history length -> quantile; empty if there are too few scores for one of the levels."""
    try:
        return {
            level: {
                length: conformal_quantile(values[:, column], int(level) / 100)
                for length, values in scores.items()
            }
            for column, level in enumerate(levels)
        }
    except ValueError:
        return {}
