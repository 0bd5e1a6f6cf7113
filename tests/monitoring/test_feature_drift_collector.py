from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from monitoring.feature_drift_collector import FeatureDriftCollector
from monitoring.windows.feature_drift import FeatureDriftScore


def lines(registry):
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_each_score_is_exposed_with_its_threshold_and_its_messages():
    registry = CollectorRegistry()
    scores = [
        FeatureDriftScore("EUR/GBP", "return_1", "psi", 0.31, 0.25, 500),
        FeatureDriftScore("EUR/GBP", "return_1", "ks", 0.08, 0.125, 400),
    ]
    FeatureDriftCollector(lambda: scores, registry)
    psi, ks = (f'{{feature="return_1",pair="EUR/GBP",test="{test}"}}' for test in ("psi", "ks"))
    assert lines(registry) == [
        f"feature_drift_score{psi} 0.31",
        f"feature_drift_score{ks} 0.08",
        f"feature_drift_threshold{psi} 0.25",
        f"feature_drift_threshold{ks} 0.125",
        f"feature_drift_window_messages{psi} 500.0",
        f"feature_drift_window_messages{ks} 400.0",
    ]


def test_scores_are_asked_once_a_scrape_and_series_without_one_disappear():
    registry, asked = CollectorRegistry(), []
    scores = [FeatureDriftScore("EUR/GBP", "return_2", "ks", 0.1, 0.2, 250)]

    def ask():
        asked.append(1)
        return list(scores)

    FeatureDriftCollector(ask, registry)
    assert not asked
    assert len(lines(registry)) == 3
    scores.clear()
    assert lines(registry) == []
    assert len(asked) == 2
