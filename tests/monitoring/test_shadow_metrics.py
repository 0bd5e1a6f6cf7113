from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from monitoring.shadow_metrics import ShadowMetrics
from ratecast.scoring.observations import HindcastErrors
from tests.bundles import LEVELS, SIGMA, training_stats
from tests.observations import observations_of

PAIR = {"pair": "EUR/GBP"}


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    shown = ShadowMetrics(registry)
    shown.champion_loaded(training_stats("one"))
    shown.shadow_loaded(training_stats("two"))
    return shown


def observations(version, half=1.0, count=10):
    error = np.full(count, 0.5 * SIGMA)
    halves = np.full((count, 2), half * SIGMA)
    rows, inside = np.zeros(count, np.intp), error[:, None] <= halves
    calm = np.zeros(count, dtype=bool)
    found = HindcastErrors(rows, error, error, inside, error / SIGMA, calm, halves, np.arange(count))
    return observations_of(version, found)


def value(registry, name, **labels):
    return registry.get_sample_value(name, labels)


def test_both_models_are_measured_on_the_same_forecasts(metrics, registry):
    for _ in range(2):
        metrics.add([observations("one")], [observations("two", half=0.25)])
    assert value(registry, "shadow_compared_forecasts_total", **PAIR) == 20
    assert value(registry, "shadow_last_rate_error_total", **PAIR) == pytest.approx(10)
    for model, winkler, inside in (("champion", 2.0, 20), ("shadow", 0.5 + 40 * 0.25, 0)):
        labels = {**PAIR, "model": model, "level": "95"}
        assert value(registry, "shadow_winkler_score_total", **labels) == pytest.approx(20 * winkler)
        assert value(registry, "shadow_rates_inside_total", **labels) == inside
        assert value(registry, "shadow_absolute_error_total", **PAIR, model=model) == pytest.approx(10)


def test_what_another_model_said_does_not_count(metrics, registry):
    metrics.add([observations("one")], [observations("three")])
    metrics.add([observations("zero")], [observations("two")])
    assert value(registry, "shadow_compared_forecasts_total", **PAIR) == 0


def test_sums_start_again_when_either_model_changes(metrics, registry):
    for change, versions in (
        (lambda: metrics.champion_loaded(training_stats("three")), ("three", "two")),
        (lambda: metrics.shadow_loaded(training_stats("four")), ("three", "four")),
    ):
        metrics.add([observations("one")], [observations("two")])
        change()
        assert value(registry, "shadow_compared_forecasts_total", **PAIR) == 0
        assert value(registry, "shadow_model_info", version=versions[1], champion=versions[0]) == 1
    infos = [s for f in registry.collect() for s in f.samples if s.name == "shadow_model_info"]
    assert len(infos) == 1


def test_without_a_shadow_model_there_is_no_series_of_it(metrics, registry):
    metrics.shadow_loaded(None)
    metrics.add([observations("one")], [observations("two")])
    left = {sample.name for family in registry.collect() for sample in family.samples}
    assert {name for name in left if not name.endswith("_created")} == {
        "shadow_model_refused", "shadow_left_out_messages_total",
    }  # fmt: skip


def test_only_pairs_that_both_models_know_have_series(metrics, registry):
    narrow = training_stats("three")
    metrics.shadow_loaded(narrow.model_copy(update={"pairs": {"EUR/USD": narrow.pairs["EUR/USD"]}}))
    (family,) = (f for f in registry.collect() if f.name == "shadow_compared_forecasts")
    shown = {s.labels["pair"] for s in family.samples}
    assert shown == {"EUR/USD"} < LEVELS.keys()
