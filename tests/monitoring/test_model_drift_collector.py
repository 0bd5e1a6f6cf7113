from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from monitoring.model_drift_collector import ModelDriftCollector
from monitoring.windows.model_drift import ModelDriftScore


def test_scores_are_shown_beside_thresholds_inputs_and_importances():
    registry = CollectorRegistry()
    scores = [ModelDriftScore("EUR/GBP", 0.21, 0.2, 500, {"newest": 0.1, "largest": 0.4})]
    ModelDriftCollector(lambda: scores, lambda: {"newest": 0.75, "largest": 0.25}, registry)
    shown = generate_latest(registry).decode().splitlines()
    assert {line for line in shown if not line.startswith("#")} == {
        'model_drift_score{pair="EUR/GBP"} 0.21',
        'model_drift_score_threshold{pair="EUR/GBP"} 0.2',
        'model_drift_input_score{feature="newest",pair="EUR/GBP"} 0.1',
        'model_drift_input_score{feature="largest",pair="EUR/GBP"} 0.4',
        'feature_importance{feature="newest"} 0.75',
        'feature_importance{feature="largest"} 0.25',
    }


def test_registering_asks_for_no_scores_and_a_scrape_asks_once():
    asked = []

    def scores():
        asked.append("scores")
        return []

    registry = CollectorRegistry()
    ModelDriftCollector(scores, dict, registry)
    assert asked == []
    assert list(registry.collect())
    assert asked == ["scores"]


def test_a_name_that_is_taken_is_refused():
    registry = CollectorRegistry()
    ModelDriftCollector(list, dict, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        ModelDriftCollector(list, dict, registry)
