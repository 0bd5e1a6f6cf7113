"""What each pair's newest prediction says, as metrics; the ages of rates are tested in `test_metrics`."""

from __future__ import annotations

import numpy as np
from prometheus_client import CollectorRegistry

from monitoring.metrics import WorkerMetrics
from ratecast.scoring.scored_batch import NewestForecast, ScoredBatch
from tests.bundles import training_stats


def test_the_newest_prediction_of_a_pair_shows_its_rate_and_range() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, list)

    def batch(pair: str, rate: float) -> ScoredBatch:
        newest = {pair: NewestForecast(rate, (rate - 0.01, rate - 0.02), (rate + 0.01, rate + 0.02))}
        return ScoredBatch([], [pair], [b"{}"], np.zeros(1, dtype=bool), {}, newest, [], [], [])

    for pair, rate in (("EUR/GBP", 0.86), ("EUR/USD", 1.1), ("EUR/GBP", 0.87)):
        metrics.committed(("t", 0), batch(pair, rate), 0.1, [0])
    assert registry.get_sample_value("last_rate", {"pair": "EUR/GBP"}) == 0.87
    assert registry.get_sample_value("last_rate", {"pair": "EUR/USD"}) == 1.1
    assert registry.get_sample_value("forecast_lower", {"pair": "EUR/GBP", "level": "95"}) == 0.87 - 0.02
    assert registry.get_sample_value("forecast_upper", {"pair": "EUR/GBP", "level": "80"}) == 0.87 + 0.01
    metrics.model_loaded(training_stats())
    metrics.committed(("t", 0), batch("EUR/XXX", 2.0), 0.1, [0])
    metrics.model_loaded(training_stats())
    assert registry.get_sample_value("last_rate", {"pair": "EUR/XXX"}) is None


def test_rates_can_be_left_out() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, list, with_rates=False)
    newest = {"EUR/GBP": NewestForecast(0.86, (0.85, 0.84), (0.87, 0.88))}
    scored = ScoredBatch(
        [], ["EUR/GBP"], [b"{}"], np.zeros(1, dtype=bool), {"EUR/GBP": "2026-01-02"}, newest, [], [], []
    )
    metrics.committed(("t", 0), scored, 0.1, [0])
    names = {family.name for family in registry.collect()}
    assert "rate_age_seconds" in names
    assert names.isdisjoint({"last_rate", "forecast_lower", "forecast_upper"})
