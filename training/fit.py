"""The model: one forest for all pairs, shrunk by what later years say of it, with ranges from its errors.

The order matters, and evaluation runs the very same steps on the days before a split:

0. pairs whose returns are not like the others' are set aside (`training.pooling`);
1. a forest on the first three quarters of the days;
2. lambda on the last quarter, which that forest never saw;
3. conformal quantiles on rows nothing was fitted to: every row when lambda is 0, else the last quarter;
4. the forest that serves, on every day, since old data is no better than new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS
from training import intervals, pooling
from training.dataset import Rows, build_rows, pair_sigmas
from training.shrinkage import fit_shrinkage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from ratecast.model.training_stats import Shrinkage
    from training.dataset import PairHistory

EARLY_SHARE = 0.75  # of the days; the rest is for lambda
MIN_FIT_ROWS = 150  # fewer leave nothing to tell lambda and a 95 % quantile by


@dataclass(frozen=True)
class ForestSettings:
    """How a forest is grown. Part of a model's version."""

    seed: int = 0
    trees: int = 100
    max_depth: int = 6
    max_leaf: int = 2000
    # A quarter of the rows a tree: a quarter of the time; MAE ratios changed by under 0.0001 on two splits.
    sample_share: float = 0.25


@dataclass(frozen=True)
class FittedModel:
    """Everything a forecast needs, fitted on the days up to one.

    Attributes:
        forest: predicts standardised returns. When ``refit`` is off, the forest of step 1.
        shrinkage: lambda and why.
        quantiles: level -> history length -> quantile of |error| / scale of the level's range.
        constant: level -> quantile of |return| / stored sigma: the constant-width range to compare with.
        sigmas: stored sigma of each pair, NaN for a pair that is left out, ``(p,)``.
        split: last day of step 1.
        not_pooled: positions of pairs that only ``sigmas`` knows, and why.
    """

    forest: RandomForestRegressor
    shrinkage: Shrinkage
    quantiles: dict[str, dict[int, float]]
    constant: dict[str, float]
    sigmas: NDArray[np.float64]
    split: np.datetime64
    not_pooled: dict[int, str] = field(default_factory=dict)

    def pooled(self, rows: Rows) -> Rows:
        """The rows of pairs that the common figures come from."""
        return rows.where(~np.isin(rows.pair, list(self.not_pooled))) if self.not_pooled else rows

    def step(self, rows: Rows) -> NDArray[np.float64]:
        """The forecast log return of each row, ``(n,)``: what serving computes before its exponential."""
        if self.shrinkage.lambda_ == 0:
            return np.zeros(len(rows))
        return self.shrinkage.lambda_ * self.forest_step(rows)

    def forest_step(self, rows: Rows) -> NDArray[np.float64]:
        """What the forest alone would say, unshrunk, ``(n,)``."""
        return _predict(self.forest, rows) * rows.sigma


def learnable_rows(histories: Sequence[PairHistory], until: np.datetime64) -> int:
    """How many rows ``fit_model`` would find at the end of ``until``."""
    known = [history.until(until) for history in histories]
    return sum(
        max(0, len(stretch.rates) - WINDOW)
        for history, sigma in zip(known, pair_sigmas(known), strict=True)
        if np.isfinite(sigma)
        for stretch in history.stretches
    )


def min_samples_leaf(rows: int, max_leaf: int) -> int:
    """2 % of the rows, at least 20 and at most ``max_leaf``: little data must not grow noisy leaves.

    >>> min_samples_leaf(130_000, 2000), min_samples_leaf(5_000, 2000), min_samples_leaf(300, 2000)
    (2000, 100, 20)
    """
    return max(20, min(max_leaf, rows // 50))


def grow_forest(rows: Rows, settings: ForestSettings, jobs: int = 2) -> RandomForestRegressor:
    """A forest from a row's inputs to its standardised return; predicts on one thread.

    One thread, because ``n_jobs`` is saved with the model and makes a single row five times slower, and because
    threads add up the trees in any order, so that the last digit of a prediction would change from run to run.
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
    lengths: Sequence[int] = intervals.LENGTHS,
    *,
    refit: bool = True,
) -> FittedModel:
    """Run the steps on what was known at the end of ``until``; later rates are never touched.

    Args:
        histories: the pairs; whatever comes after ``until`` is cut off first.
        until: the last day to learn from; at least ``MIN_FIT_ROWS`` rows must lie before it.
        settings: of the forest.
        lengths: history lengths to find quantiles for.
        refit: do step 4. Off, a model whose lambda is 0 forecasts the same for a third of the work; one whose
            lambda is not 0 is refitted all the same.
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
        level: intervals.conformal_quantile(np.abs(rows.target) / rows.stored, int(level) / 100)
        for level in LEVELS
    }
    fitted = replace(draft, quantiles=intervals.quantile_table(scores), constant=constant)
    if refit or shrinkage.lambda_ != 0:
        fitted = replace(fitted, forest=grow_forest(rows, settings))
    return fitted


def _predict(forest: RandomForestRegressor, rows: Rows) -> NDArray[np.float64]:
    """Standardised returns, ``(n,)``; of no rows none, which scikit-learn refuses to predict."""
    return np.asarray(forest.predict(rows.inputs) if len(rows) else [], dtype=np.float64)


def _scores(model: FittedModel, rows: Rows) -> NDArray[np.float64]:
    """Conformity scores, ``(n, 2)``, columns ``LEVELS``."""
    return np.asarray(np.abs(rows.target - model.step(rows))[:, None] / rows.scales)
