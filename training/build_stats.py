"""Builds ``training_stats.json``: statistics of each pair in training, for ranges, drift and quality checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import FEATURE_NAMES, floored, longest_run
from ratecast.model.training_stats import FeatureStats, PairStats, TrainingStats
from training.accuracy_reference import accuracy_reference
from training.dataset import recent_sigma, shortest_features
from training.drift_reference import feature_references
from training.importance import range_importances
from training.model_drift_thresholds import model_drift_reference
from training.quality_limits import quality_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.model.model_drift_reference import ModelDriftReference
    from ratecast.model.references import AccuracyReference
    from training.dataset import PairHistory, Rows
    from training.fit import FittedModel


def training_stats(
    version: str,
    default_pair: str,
    histories: Sequence[PairHistory],
    rows: Rows,
    fitted: FittedModel,
    text: str,
) -> TrainingStats:
    """Returns everything except the forest that a forecast and its monitoring need.

    Args:
        version: version of the model; it begins with the last day of training.
        default_pair: pair used for messages that name none.
        histories: p pairs, as known at the end of training.
        rows: all rows of these pairs.
        fitted: the model.
        text: headline of the report.
    """
    counts = np.bincount(rows.pair, minlength=len(histories))
    return TrainingStats(
        model_version=version,
        trained_until=version[: len("2024-12-31")],
        default_pair=default_pair,
        shrinkage=fitted.shrinkage,
        range_factor=fitted.range_factor,
        intervals=fitted.quantiles,
        horizons=fitted.further.horizons,
        central_ranges=fitted.further.central,
        quality=quality_limits(histories, rows, fitted.not_pooled),
        feature_drift=feature_references(histories, fitted.seed, fitted.not_pooled),
        model_drift=_model_drift(histories, rows, fitted),
        accuracy=_accuracy(histories, rows, fitted),
        headline=text,
        pairs={
            history.pair: pair_stats(history, float(fitted.sigmas[position]), int(counts[position]))
            for position, history in enumerate(histories)
        },
    )


def _model_drift(
    histories: Sequence[PairHistory], rows: Rows, fitted: FittedModel
) -> ModelDriftReference | None:
    """Returns the reference of model drift; importances are those on the days after the split."""
    exponent, forest = fitted.range_factor.exponent, fitted.tested_range_forest
    if not exponent or forest is None:
        return None
    later = fitted.pooled(rows)
    later = later.where((later.date > fitted.split) & ~floored(later.sigma, later.stored))
    errors = np.abs(later.target - fitted.step(later)) / later.stored
    importances = range_importances(forest, exponent, later, errors, fitted.seed)
    pooled = ~np.isin(np.arange(len(histories)), list(fitted.not_pooled))
    return model_drift_reference([history.pair for history in histories], rows, importances, pooled)


def _accuracy(histories: Sequence[PairHistory], rows: Rows, fitted: FittedModel) -> AccuracyReference | None:
    """Returns the reference for live accuracy, from the same errors as the conformal quantiles."""
    known = fitted.pooled(rows)
    known = known if fitted.shrinkage.lambda_ == 0 else known.where(known.date > fitted.split)
    error = np.abs(known.target - fitted.step(known)) / known.sigma
    by_pair = {history.pair: error[known.pair == position] for position, history in enumerate(histories)}
    try:
        return accuracy_reference(by_pair, fitted.seed)
    except ValueError:
        return None  # too few errors to fit it: the bundle has no reference


def pair_stats(history: PairHistory, sigma: float, rows: int) -> PairStats:
    """Returns the statistics of a pair, from every three consecutive rates: those of the shortest message.

    Args:
        history: rates of the pair, as known at the end of training.
        sigma: standard deviation of its one-step log returns.
        rows: number of its rows that the forest was fitted to.
    """
    values = shortest_features(history)
    first, last = history.stretches[0], history.stretches[-1]
    return PairStats(
        n=rows,
        first_date=str(first.dates[0]),
        last_date=str(last.dates[-1]),
        last_rate=float(last.rates[-1]),
        sigma=sigma,
        recent_sigma=recent_sigma(
            np.concatenate([np.diff(np.log(s.rates)) for s in history.stretches]), sigma
        ),
        longest_run=max(longest_run(s.rates) for s in history.stretches),
        features={
            name: FeatureStats(
                min=float(column.min()),
                max=float(column.max()),
                mean=float(column.mean()),
                std=float(column.std()),
            )
            for name, column in zip(FEATURE_NAMES, values.T, strict=True)
        },
    )
