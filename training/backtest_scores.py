"""Scores the ranges of a backtest: Winkler score against the reference, coverage by regime, Diebold-Mariano."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.accuracy_measures import error_ratio, winkler_scores
from ratecast.model.ranges import LEVELS
from training.diebold_mariano import diebold_mariano
from training.regimes import after_shock, regimes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.dataset import Rows


@dataclass(frozen=True)
class Days:
    """What the forecasts of all methods are held against; arrays of n rows."""

    date: NDArray[np.datetime64]
    stored: NDArray[np.float64]  # sigma of the pair when the forecast was made
    target: NDArray[np.float64]  # log return
    regimes: dict[str, NDArray[np.bool_]]  # name -> which rows


@dataclass(frozen=True)
class RangeScores:
    """Scores of the ranges of one level.

    Attributes:
        winkler: mean Winkler score in units of the pairs' sigma; smaller is better.
        ratio: it divided by the reference's; None if that is 0.
        t_statistic: Diebold-Mariano statistic of the daily mean scores; positive if the reference is worse, None if the
            scores are equal.
        coverage: share of rates inside.
        by_regime: calm, middle, wild, after_shock -> share of its rates inside; None without rates.
    """

    winkler: float
    ratio: float | None
    t_statistic: float | None
    coverage: float
    by_regime: dict[str, float | None]


def days_of(tested: Sequence[Rows]) -> Days:
    """Returns the days of all folds and the regime of each row; terciles are those of all rows together."""
    volatility = np.concatenate([rows.sigma / rows.stored for rows in tested])
    shock = np.concatenate([after_shock(rows) for rows in tested])
    return Days(
        date=np.concatenate([rows.date for rows in tested]),
        stored=np.concatenate([rows.stored for rows in tested]),
        target=np.concatenate([rows.target for rows in tested]),
        regimes=regimes(volatility, shock),
    )


def losses(days: Days, step: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the Winkler score of each row in units of its pair's sigma, ``(n, 2)``, columns ``LEVELS``.

    Args:
        days: the actual returns.
        step: forecast log returns, ``(n,)``.
        half: half widths of the ranges in log returns, ``(n, 2)``.
    """
    error, width = (days.target - step) / days.stored, half / days.stored[:, None]
    return np.column_stack(
        [winkler_scores(error, width[:, c], int(level) / 100) for c, level in enumerate(LEVELS)]
    )


def range_scores(
    days: Days, step: NDArray[np.float64], half: NDArray[np.float64], reference: NDArray[np.float64]
) -> dict[str, RangeScores]:
    """Returns level -> scores.

    Args:
        days: the actual returns.
        step: forecast log returns, ``(n,)``.
        half: half widths of the ranges in log returns, ``(n, 2)``.
        reference: `losses` of the reference.
    """
    found = losses(days, step, half)
    inside = np.abs(days.target - step)[:, None] <= half
    _, day = np.unique(days.date, return_inverse=True)
    scores = {}
    for column, level in enumerate(LEVELS):
        # One mean for each day, because the pairs of one day share its news.
        gain = np.bincount(day, reference[:, column] - found[:, column]) / np.bincount(day)
        test = diebold_mariano(gain)
        winkler = float(found[:, column].mean())
        scores[level] = RangeScores(
            winkler=winkler,
            ratio=error_ratio(winkler, float(reference[:, column].mean())),
            t_statistic=None if test is None else test.statistic,
            coverage=float(inside[:, column].mean()),
            by_regime={
                name: float(inside[rows, column].mean()) if rows.any() else None
                for name, rows in days.regimes.items()
            },
        )
    return scores
