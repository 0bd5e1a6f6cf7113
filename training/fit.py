"""Fits the model: one forest for all pairs, weighed against the last rate by lambda, with ranges from its errors.

Evaluation runs the same steps on the days before a split. The order matters:

0. Leave out pairs whose returns differ from those of the others (`training.pooling`).
1. Fit a forest to the first three quarters of the days.
2. Fit lambda to the last quarter, which that forest was not trained on.
3. Compute conformal quantiles on rows that nothing was fitted to: all rows if lambda is 0, else the last quarter.
4. Fit the forest of the bundle to all days, because old data is as good as new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS
from training import conformal, pooling
from training.dataset import Rows, build_rows, pair_sigmas
from training.shrinkage import fit_shrinkage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from ratecast.model.training_stats import Shrinkage
    from training.dataset import PairHistory

EARLY_SHARE = 0.75  # of the days; the others are for lambda
MIN_FIT_ROWS = 150  # fewer rows are not enough for lambda and a 95 % quantile


@dataclass(frozen=True)
class ForestSettings:
    """Settings of a forest; they are part of the version of a model."""

    seed: int = 0
    trees: int = 100
    max_depth: int = 6
    max_leaf: int = 2000
    # Each tree uses a quarter of the rows. This takes a quarter of the time and changed the MAE ratios of two splits by
    # less than 0.0001.
    sample_share: float = 0.25


@dataclass(frozen=True)
class FittedModel:
    """Everything a forecast needs, fitted to the days up to a certain one.

    Attributes:
        forest: predicts standardised returns; without ``refit`` it is the forest of step 1.
        shrinkage: lambda and its t statistic.
        quantiles: level -> history length -> quantile of |error| / scale of the level's range.
        constant: level -> quantile of |return| / stored sigma, for a comparison with a range of constant width.
        sigmas: sigma of each pair, NaN for a pair that was left out, ``(p,)``.
        split: last day of step 1.
        not_pooled: positions of pairs that are not pooled and have only a sigma -> reason.
    """

    forest: RandomForestRegressor
    shrinkage: Shrinkage
    quantiles: dict[str, dict[int, float]]
    constant: dict[str, float]
    sigmas: NDArray[np.float64]
    split: np.datetime64
    not_pooled: dict[int, str] = field(default_factory=dict)

    def pooled(self, rows: Rows) -> Rows:
        """Returns the rows of the pairs that the common figures come from."""
        return rows.where(~np.isin(rows.pair, list(self.not_pooled))) if self.not_pooled else rows

    def step(self, rows: Rows) -> NDArray[np.float64]:
        """Returns the forecast log return of each row, ``(n,)``, as a worker computes it."""
        if self.shrinkage.lambda_ == 0:
            return np.zeros(len(rows))
        return self.shrinkage.lambda_ * self.forest_step(rows)

    def forest_step(self, rows: Rows) -> NDArray[np.float64]:
        """Returns the forecast of the forest alone as a log return, without lambda, ``(n,)``."""
        return _predict(self.forest, rows) * rows.sigma


def learnable_rows(histories: Sequence[PairHistory], until: np.datetime64) -> int:
    """Returns how many rows `fit_model` would have at the end of ``until``."""
    known = [history.until(until) for history in histories]
    return sum(
        max(0, len(stretch.rates) - WINDOW)
        for history, sigma in zip(known, pair_sigmas(known), strict=True)
        if np.isfinite(sigma)
        for stretch in history.stretches
    )


def min_samples_leaf(rows: int, max_leaf: int) -> int:
    """Returns 2 % of the rows, at least 20 and at most ``max_leaf``, so that few rows do not give noisy leaves.

    >>> min_samples_leaf(130_000, 2000), min_samples_leaf(5_000, 2000), min_samples_leaf(300, 2000)
    (2000, 100, 20)
    """
    return max(20, min(max_leaf, rows // 50))


def grow_forest(rows: Rows, settings: ForestSettings, jobs: int = 2) -> RandomForestRegressor:
    """Fits a forest from the inputs of a row to its standardised return.

    The forest predicts on one thread. ``n_jobs`` is saved with the model, and more threads make the prediction of a
    single row five times slower. Threads also add up the trees in any order, so the last digit would vary.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=settings.trees,
        max_depth=settings.max_depth,
        min_samples_leaf=min_samples_leaf(len(rows), settings.max_leaf),
        max_samples=settings.sample_share,
        n_jobs=jobs,
        random_state=settings.seed,
    ).fit(rows.inputs, rows.target / rows.sigma)
    forest.set_params(n_jobs=1)
    return forest


def fit_model(
    histories: Sequence[PairHistory],
    until: np.datetime64,
    settings: ForestSettings,
    lengths: Sequence[int] = conformal.LENGTHS,
    *,
    refit: bool = True,
) -> FittedModel:
    """Fits a model to the rates known at the end of ``until``; later rates are not used.

    Args:
        histories: the pairs; rates after ``until`` are cut off first.
        until: last day to train on; at least ``MIN_FIT_ROWS`` rows must be before it.
        settings: settings of the forest.
        lengths: history lengths to compute quantiles for.
        refit: whether to do step 4. If lambda is 0, the forecasts are the same without it and take a third of the
            work. If lambda is not 0, step 4 is always done.
    """
    known = [history.until(until) for history in histories]
    sigmas = pair_sigmas(known)
    everything = build_rows(known, sigmas)
    not_pooled = pooling.not_pooled(everything, len(known), MIN_FIT_ROWS)
    pooled = sigmas.copy()
    pooled[list(not_pooled)] = np.nan  # such pairs make no rows
    rows = everything.where(~np.isin(everything.pair, list(not_pooled))) if not_pooled else everything
    days = np.unique(rows.date)
    split = days[int(EARLY_SHARE * len(days)) - 1]
    later = rows.where(rows.date > split)

    forest = grow_forest(rows.where(rows.date <= split), settings)
    shrinkage = fit_shrinkage(_predict(forest, later), later.target / later.sigma, later.date)
    draft = FittedModel(forest, shrinkage, {}, {}, sigmas, split, not_pooled)

    first = None if shrinkage.lambda_ == 0 else split + np.timedelta64(1, "D")
    scores = {length: _scores(draft, build_rows(known, pooled, first, length=length)) for length in lengths}
    constant = {
        level: conformal.conformal_quantile(np.abs(rows.target) / rows.stored, int(level) / 100)
        for level in LEVELS
    }
    fitted = replace(draft, quantiles=conformal.quantile_table(scores), constant=constant)
    if refit or shrinkage.lambda_ != 0:
        fitted = replace(fitted, forest=grow_forest(rows, settings))
    return fitted


def _predict(forest: RandomForestRegressor, rows: Rows) -> NDArray[np.float64]:
    """Returns standardised returns, ``(n,)``; scikit-learn would reject an empty input."""
    return np.asarray(forest.predict(rows.inputs) if len(rows) else [], dtype=np.float64)


def _scores(model: FittedModel, rows: Rows) -> NDArray[np.float64]:
    """Returns the conformity scores, ``(n, 2)``, columns ``LEVELS``."""
    return np.asarray(np.abs(rows.target - model.step(rows))[:, None] / rows.scales)
