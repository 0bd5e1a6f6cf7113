from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from monitoring.accuracy_collector import AccuracyCollector
from monitoring.windows.accuracy import AccuracyTally, WindowSummary


@pytest.fixture
def summaries():
    return {}


@pytest.fixture
def tally():
    return AccuracyTally()


@pytest.fixture
def registry(summaries, tally):
    fresh = CollectorRegistry()
    AccuracyCollector(lambda: summaries, lambda: tally, fresh)
    return fresh


def test_ratios_and_coverage_by_pair(registry, summaries):
    summaries["EUR/GBP"] = WindowSummary(200, 1.5, 1.25, (150, 191))
    assert registry.get_sample_value("forecast_error_ratio", {"pair": "EUR/GBP"}) == 1.2
    for level, share in (("80", 0.75), ("95", 0.955)):
        labels = {"pair": "EUR/GBP", "level": level}
        assert registry.get_sample_value("interval_coverage_ratio", labels) == share
    assert registry.get_sample_value("accuracy_window_messages", {"pair": "EUR/GBP"}) == 200


def test_a_window_that_fills_up_reports_its_messages_only(registry, summaries):
    summaries["EUR/GBP"] = WindowSummary(99, 1.5, 1.25, (80, 95))
    assert registry.get_sample_value("accuracy_window_messages", {"pair": "EUR/GBP"}) == 99
    text = generate_latest(registry).decode()
    assert "forecast_error_ratio{" not in text
    assert "interval_coverage_ratio{" not in text


def test_a_pair_that_left_has_no_series_but_keeps_its_counts(registry, summaries, tally):
    summaries["EUR/GBP"] = WindowSummary(200, 1.5, 1.25, (150, 191))
    tally.changes["EUR/GBP", "worse"] += 2
    tally.left_out["EUR/GBP"] += 5
    del summaries["EUR/GBP"]
    assert registry.get_sample_value("accuracy_window_messages", {"pair": "EUR/GBP"}) is None
    worse = {"pair": "EUR/GBP", "direction": "worse"}
    assert registry.get_sample_value("accuracy_changes_total", worse) == 2
    assert registry.get_sample_value("accuracy_left_out_messages_total", {"pair": "EUR/GBP"}) == 5


def test_counts_of_zero_are_exposed(registry, tally):
    tally.changes["EUR/GBP", "better"] += 0
    better = {"pair": "EUR/GBP", "direction": "better"}
    assert registry.get_sample_value("accuracy_changes_total", better) == 0


def test_a_level_without_a_name_is_rejected_instead_of_mislabelled(registry, summaries):
    summaries["EUR/GBP"] = WindowSummary(200, 1.0, 1.0, (150,))
    with pytest.raises(ValueError, match="zip"):
        list(registry.collect())
