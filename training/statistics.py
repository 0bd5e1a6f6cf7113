"""``training_stats.json``: what each pair looked like in training, for drift and for ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import FEATURE_NAMES, longest_run
from ratecast.model.training_stats import FeatureStats, PairStats, TrainingStats
from training.accuracy_reference import accuracy_reference
from training.dataset import shortest_features
from training.drift_reference import feature_references
from training.quality_limits import quality_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Everything beside the forest that a forecast and its monitoring need.

    Args:
        version: of the model; begins with the day it was trained until.
        default_pair: of messages that name none.
        histories: p pairs, as known at the end of training.
        rows: every row of them.
        fitted: the model.
        text: its headline.
    """
    counts = np.bincount(rows.pair, minlength=len(histories))
    return TrainingStats(
        model_version=version,
        trained_until=version[: len("2024-12-31")],
        default_pair=default_pair,
        shrinkage=fitted.shrinkage,
        intervals=fitted.quantiles,
        quality=quality_limits(histories, rows, fitted.not_pooled),
        feature_drift=feature_references(histories, fitted.forest.random_state, fitted.not_pooled),
        accuracy=_accuracy(histories, rows, fitted),
        headline=text,
        pairs={
            history.pair: pair_stats(history, float(fitted.sigmas[position]), int(counts[position]))
            for position, history in enumerate(histories)
        },
    )


def _accuracy(histories: Sequence[PairHistory], rows: Rows, fitted: FittedModel) -> AccuracyReference | None:
    """What live accuracy is held to: the errors that the conformal quantiles come from."""
    known = fitted.pooled(rows)
    known = known if fitted.shrinkage.lambda_ == 0 else known.where(known.date > fitted.split)
    error = np.abs(known.target - fitted.step(known)) / known.sigma
    by_pair = {history.pair: error[known.pair == position] for position, history in enumerate(histories)}
    try:
        return accuracy_reference(by_pair, fitted.forest.random_state)
    except ValueError:
        return None  # too little to fit it to: the bundle goes without


def pair_stats(history: PairHistory, sigma: float, rows: int) -> PairStats:
    """Statistics of a pair, from every three rates in a row: what the shortest message shows.

    Args:
        history: what was known.
        sigma: standard deviation of its one-step log returns.
        rows: how many rows of it the forest was fitted to.
    """
    values = shortest_features(history)
    first, last = history.stretches[0], history.stretches[-1]
    return PairStats(
        n=rows,
        first_date=str(first.dates[0]),
        last_date=str(last.dates[-1]),
        last_rate=float(last.rates[-1]),
        sigma=sigma,
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
