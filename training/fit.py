"""Fits the model: a forest for the centre weighed by lambda, a forest for the ranges weighed by an exponent, quantiles.

Evaluation runs the same steps on the days before a split. The order matters:

0. Leave out pairs whose returns differ from those of the others (`training.pooling`).
1. Fit both forests to the first three quarters of the days.
2. Fit lambda (`training.shrinkage`) and the exponent (`training.range_gate`) to the last quarter, which these forests
   were not trained on.
3. Fit the range forest of the bundle to all days, because old data is as good as new.
4. Compute conformal quantiles: on all rows if lambda is 0, else on the last quarter. For the range forest, quantiles of
   its own training rows are as good as out-of-fold ones (coverage .801 and .947 against .801 and .948).
5. Fit the centre forest to all days.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import ADAPTIVE_LENGTH, WINDOW, floored
from ratecast.model.parity import outputs_of
from ratecast.model.ranges import LEVELS
from training import conformal, pooling, range_gate
from training.dataset import Rows, build_rows, pair_sigmas
from training.forests import ForestSettings, grow_centre, grow_range
from training.further_tables import FurtherTables, further_scores, further_tables
from training.shrinkage import fit_shrinkage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.model.onnx_model import Regressor
    from ratecast.model.training_stats import RangeFactor, Shrinkage
    from training.dataset import PairHistory

EARLY_SHARE = 0.75  # of the days; the others are for lambda
MIN_FIT_ROWS = 150  # fewer rows are not enough for lambda and a 95 % quantile


@dataclass(frozen=True)
class FittedModel:
    """Everything a forecast needs, fitted to the days up to a certain one.

    Attributes:
        forest: predicts standardised returns; without ``refit`` it is the forest of step 1. None if it is not known:
            a bundle has no centre forest if lambda is 0.
        shrinkage: lambda and its t statistic.
        range_forest: predicts the factors of the ranges' scales.
        range_factor: exponent of these factors and its t statistic.
        quantiles: level -> history length -> quantile of |error| / scale of the level's range.
        constant: level -> quantile of |return| / stored sigma, for a comparison with a range of constant width.
        base: level -> quantile of |error| / base scale, for a comparison with ranges without the range forest.
        sigmas: sigma of each pair, NaN for a pair that was left out, ``(p,)``.
        split: last day of step 1.
        seed: seed of both forests and of everything else that is random.
        not_pooled: positions of pairs that are not pooled and have only a sigma -> reason.
        tested_range_forest: the range forest of step 1, to measure on days that it was not fitted to.
        further: tables of the optional fields.
    """

    forest: Regressor | None
    shrinkage: Shrinkage
    range_forest: Regressor
    range_factor: RangeFactor
    quantiles: dict[str, dict[int, float]]
    constant: dict[str, float]
    base: dict[str, float]
    sigmas: NDArray[np.float64]
    split: np.datetime64
    seed: int = 0
    not_pooled: dict[int, str] = field(default_factory=dict)
    tested_range_forest: Regressor | None = None
    further: FurtherTables = field(default_factory=FurtherTables)

    @property
    def calibrated_from(self) -> np.datetime64 | None:
        """First day of the rows that the quantiles come from (step 4); None for all rows."""
        return None if self.shrinkage.lambda_ == 0 else self.split + np.timedelta64(1, "D")

    def pooled(self, rows: Rows) -> Rows:
        """Returns the rows of the pairs that the common figures come from."""
        return rows.where(~np.isin(rows.pair, list(self.not_pooled))) if self.not_pooled else rows

    def step(self, rows: Rows) -> NDArray[np.float64]:
        """Returns the forecast log return of each row, ``(n,)``, as a worker computes it."""
        if self.shrinkage.lambda_ == 0:
            return np.zeros(len(rows))
        return self.shrinkage.lambda_ * self.forest_step(rows)

    def forest_step(self, rows: Rows) -> NDArray[np.float64]:
        """Returns the forecast of the forest alone as a log return, without lambda, ``(n,)``; NaN if it is not known."""
        if self.forest is None:
            return np.full(len(rows), np.nan)
        return _predict(self.forest, rows) * rows.sigma

    def scales(self, rows: Rows, length: int = WINDOW) -> NDArray[np.float64]:
        """Returns the scales of the ranges, ``(n, 2)``, columns ``LEVELS``, as a worker computes them.

        Args:
            rows: rows of histories of one length.
            length: number of rates of these histories.
        """
        exponent = self.range_factor.exponent
        if not exponent or length < ADAPTIVE_LENGTH or not len(rows):
            return rows.scales
        factors = np.asarray(self.range_forest.predict(rows.range_inputs)) ** exponent
        at_floor = floored(rows.sigma, rows.stored)
        return rows.scales * np.where(at_floor[:, None], 1.0, factors)


def learnable_rows(histories: Sequence[PairHistory], until: np.datetime64) -> int:
    """Returns how many rows `fit_model` would have at the end of ``until``."""
    known = [history.until(until) for history in histories]
    return sum(
        max(0, len(stretch.rates) - WINDOW)
        for history, sigma in zip(known, pair_sigmas(known), strict=True)
        if np.isfinite(sigma)
        for stretch in history.stretches
    )


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
        refit: whether to do step 5. If lambda is 0, the forecasts are the same without it and take less work. If
            lambda is not 0, step 5 is always done.
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

    early = rows.where(rows.date <= split)
    centre = grow_centre(early, settings)
    shrinkage = fit_shrinkage(_predict(centre, later), later.target / later.sigma, later.date)
    draft = FittedModel(
        centre, shrinkage, centre, range_gate.OFF, {}, {}, {}, sigmas, split, settings.seed, not_pooled
    )
    draft = _with_ranges(draft, early, later, _range_rows(known, pooled, rows, lengths), settings)

    first = draft.calibrated_from
    scores, further = {}, {}
    for length in lengths:
        of_length = build_rows(known, pooled, first, length=length)
        step, scales = draft.step(of_length), draft.scales(of_length, length)
        scores[length] = np.abs(of_length.target - step)[:, None] / scales
        further[length] = further_scores(known, of_length, step, scales)
    constant = {
        level: conformal.conformal_quantile(np.abs(rows.target) / rows.stored, int(level) / 100)
        for level in LEVELS
    }
    errors = _errors(draft, rows if first is None else later)
    base = {
        level: conformal.conformal_quantile(errors[:, column], int(level) / 100)
        for column, level in enumerate(LEVELS)
    }
    fitted = replace(
        draft,
        quantiles=conformal.quantile_table(scores),
        constant=constant,
        base=base,
        further=further_tables(further),
    )
    if refit or shrinkage.lambda_ != 0:
        fitted = replace(fitted, forest=grow_centre(rows, settings))
    return fitted


def _range_rows(
    known: Sequence[PairHistory], sigmas: NDArray[np.float64], rows: Rows, lengths: Sequence[int]
) -> list[Rows]:
    """Returns rows of full histories and, if the model is for them too, of the shortest that the range forest serves."""
    short = ADAPTIVE_LENGTH in lengths
    return [rows, build_rows(known, sigmas, length=ADAPTIVE_LENGTH)] if short else [rows]


def _with_ranges(
    draft: FittedModel, early: Rows, later: Rows, training: Sequence[Rows], settings: ForestSettings
) -> FittedModel:
    """Returns the model with its range forest and the exponent of its factors.

    Args:
        draft: the model so far.
        early: rows that the forest of the test is fitted to.
        later: rows that the exponent is fitted to.
        training: rows that the forest of the bundle is fitted to, by history length.
        settings: seed and size.
    """
    tested = grow_range(early.range_inputs, _errors(draft, early), settings)
    sizes = np.abs(later.target - draft.step(later)) / later.stored
    factor = range_gate.OFF
    if len(later):
        factors = np.asarray(tested.predict(later.range_inputs))
        factor = range_gate.fit_range_factor(sizes, later.scales / later.stored[:, None], factors, later.date)
    inputs = np.concatenate([rows.range_inputs for rows in training])
    forest = grow_range(inputs, np.concatenate([_errors(draft, rows) for rows in training]), settings)
    return replace(draft, range_forest=forest, range_factor=factor, tested_range_forest=tested)


def _errors(model: FittedModel, rows: Rows) -> NDArray[np.float64]:
    """Returns |error| / base scale, ``(n, 2)``, columns ``LEVELS``."""
    return np.asarray(np.abs(rows.target - model.step(rows))[:, None] / rows.scales)


def _predict(forest: Regressor, rows: Rows) -> NDArray[np.float64]:
    """Returns standardised returns, ``(n,)``; scikit-learn would reject an empty input."""
    return outputs_of(forest, rows.inputs)[:, 0] if len(rows) else np.zeros(0)
