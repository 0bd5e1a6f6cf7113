"""Fits lambda, the share of the forest's forecast that is used, on years that the forest was not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.training_stats import Shrinkage
from training.diebold_mariano import newey_west_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray

GATE = 3.0
MIN_DAYS = 30  # with fewer days a t statistic is not reliable


def fit_shrinkage(
    predicted: NDArray[np.float64], actual: NDArray[np.float64], dates: NDArray[np.datetime64]
) -> Shrinkage:
    """Fits ``actual = lambda * predicted`` by least squares, clipped to 0..1; 0 unless its t exceeds ``GATE``.

    The rows of one day are not independent: every EUR pair moves with the euro. Treating them as independent would
    make t several times too large. So the score is first summed within each day (Liang & Zeger, Biometrika, 1986).
    Its variance is then taken over days and includes serial correlation (Driscoll & Kraay, Review of Economics and
    Statistics, 1998).

    Args:
        predicted: the forest's standardised returns, out of sample, ``(n,)``.
        actual: the standardised returns that came, ``(n,)``.
        dates: their days, ``(n,)``.

    >>> rng = np.random.default_rng(0)
    >>> signal, days = rng.normal(size=2000), np.arange(2000).astype("datetime64[D]")
    >>> on = fit_shrinkage(signal, 0.5 * signal + rng.normal(size=2000), days)
    >>> round(on.lambda_, 1), on.t_statistic > 3
    (0.5, True)
    >>> fit_shrinkage(signal, rng.normal(size=2000), days).lambda_
    0.0
    """
    power = float(predicted @ predicted)
    if power == 0 or len(np.unique(dates)) < MIN_DAYS:
        return Shrinkage(**{"lambda": 0.0}, t_statistic=0.0, gate=GATE)
    slope = float(predicted @ actual) / power
    _, day = np.unique(dates, return_inverse=True)
    score = np.bincount(day, predicted * (actual - slope * predicted)).astype(np.float64)
    variance = len(score) * newey_west_variance(score) / power**2
    t_statistic = slope / np.sqrt(variance) if variance > 0 else 0.0
    slope = min(slope, 1.0) if t_statistic > GATE else 0.0
    return Shrinkage(**{"lambda": slope}, t_statistic=float(t_statistic), gate=GATE)
