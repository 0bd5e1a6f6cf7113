"""Decides whether, and how far, the forest may change the width of the ranges: learnt on days it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.accuracy_measures import winkler_scores
from ratecast.model.ranges import LEVELS
from ratecast.model.training_stats import RangeFactor
from training.conformal import conformal_quantile
from training.diebold_mariano import newey_west_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPONENTS = (0.25, 0.5, 0.75, 1.0)
GATE = 3.0  # as of lambda: at the end of each year from 2007 to 2025 the ECB's 20 pairs reached 3.1 to 7
MIN_DAYS = 30  # a t statistic of fewer days means nothing
OFF = RangeFactor(exponent=0.0, t_statistic=0.0, gate=GATE)


def fit_range_factor(
    sizes: NDArray[np.float64],
    scales: NDArray[np.float64],
    factors: NDArray[np.float64],
    dates: NDArray[np.datetime64],
) -> RangeFactor:
    """Return the exponent of the forest's factors that gives the best ranges, or 0 if the gain may be luck.

    A range is ``quantile * scale * factor ** exponent``. Each exponent gets conformal quantiles of its own on the same
    rows. Its gain is the relative decrease of the Winkler score, summed over the levels and averaged over the rows of
    each day, because the pairs of one day share its news. The t statistic is the mean gain over its Newey-West standard
    error.

    Args:
        sizes: Absolute returns in units of the pair's stored sigma, ``(n,)``.
        scales: Base scales of the ranges in the same units, ``(n, 2)``, columns ``LEVELS``.
        factors: Out-of-sample predictions of the forest, ``(n, 2)``.
        dates: Day of each row, ``(n,)``.
    """
    days, day = np.unique(dates, return_inverse=True)
    if len(days) < MIN_DAYS:
        return OFF
    base = _losses(sizes, scales)
    level_means = base.mean(axis=0)
    if not (level_means > 0).all():
        return OFF  # a peg: nothing to gain
    best = OFF
    most = 0.0
    for exponent in EXPONENTS:
        gain = ((base - _losses(sizes, scales * factors**exponent)) / level_means).sum(axis=1)
        daily = np.bincount(day, gain) / np.bincount(day)
        variance = newey_west_variance(daily)
        t_statistic = float(daily.mean() / np.sqrt(variance / len(daily))) if variance > 0 else 0.0
        if gain.mean() > most or best is OFF:
            most = max(most, float(gain.mean()))
            best = RangeFactor(exponent=exponent, t_statistic=t_statistic, gate=GATE)
    return best if best.t_statistic > GATE else best.model_copy(update={"exponent": 0.0})


def _losses(sizes: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Winkler score of each row and level with conformal quantiles of the same rows, ``(n, 2)``."""
    columns = []
    for column, name in enumerate(LEVELS):
        level = int(name) / 100
        quantile = conformal_quantile(sizes / scales[:, column], level)
        columns.append(winkler_scores(sizes, quantile * scales[:, column], level))
    return np.column_stack(columns)
