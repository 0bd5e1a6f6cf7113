"""Invented rates with planted faults, as the predictions that a worker would make from them."""

from __future__ import annotations

import numpy as np

from ratecast.contract import wire
from ratecast.model.references import DRIFT_FEATURES, FeatureReference
from tests.bundles import LEVELS, SIGMA, training_stats
from training.drift_report.analysis import analyse
from training.drift_report.prediction_table import Collector

SLIP = "decimal slip: 100 times the previous rate"


def stats(**changes):
    """The test bundle's statistics, with references of normal returns."""
    edges = SIGMA * np.array([-1.28, -0.84, -0.52, -0.25, 0, 0.25, 0.52, 0.84, 1.28])
    counts = (100, 100, 100, 100, 100, 100, 100, 100, 100, 100)
    limits = {"psi": {250: 0.25, 400: 0.2}, "ks": {250: 0.15, 400: 0.12}}
    reference = FeatureReference(edges=tuple(edges), counts=counts, thresholds=limits)
    references = {pair: dict.fromkeys(DRIFT_FEATURES, reference) for pair in LEVELS}
    return training_stats().model_copy(update={"feature_drift": references, **changes})


def walk(pair="EUR/GBP", count=400, seed=1, sigma=SIGMA):
    """A random walk that returns to the level of the pair."""
    generator = np.random.default_rng([seed, *pair.encode()])
    logs = np.cumsum(sigma * generator.standard_normal(count + 3))
    return LEVELS[pair] * np.exp(logs - np.linspace(0, logs[-1], count + 3))


def days(count, start="2025-01-01"):
    return np.busday_offset(start, np.arange(count), roll="forward")


def rows(rates, pair="EUR/GBP", alerts=None, *, half=(1.2816, 1.96), shift=0.0, version="test-1", when=None):
    """Predictions for each rate after the first three; ``half`` is in sigmas, ``shift`` moves the forecast by a share."""
    when = days(len(rates) - 3) if when is None else when
    made = []
    for row, at in enumerate(range(3, len(rates))):
        lags = [float(rates[at - back]) for back in range(3)]
        returns = [float(np.log(lags[0] / lags[1])), float(np.log(lags[1] / lags[2]))]
        features = wire.FeaturesRow(*lags, *returns)
        centre = lags[0] * (1 + shift)
        bounds = [(centre * np.exp(-k * SIGMA), centre * np.exp(k * SIGMA)) for k in half]
        found = (alerts or {}).get(row, {})
        made.append(
            wire.PredictionRow(
                f"{pair}-{row}",
                pair,
                str(when[row]),
                centre,
                lags[0],
                wire.IntervalsRow(*bounds),
                "adaptive",
                features,
                wire.DriftRow(False, [], features),
                list(found),
                version,
                "2026-01-01T00:00:00+00:00",
                wire.SourceRow("t", 0, row),
                dict(found) or wire.msgspec.UNSET,
            )
        )
    return made


def collected(predictions, **span):
    collector = Collector(LEVELS, **span)
    for row in predictions:
        collector.add(row)
    return collector.messages()


def report(*series, model=None):
    predictions = [row for one in series for row in one]
    return analyse(model or stats(), collected(predictions), "invented")


def one(predictions, model=None):
    """The report of the only pair."""
    (found,) = report(predictions, model=model).pairs
    return found
