from __future__ import annotations

import datetime as dt
import platform
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest

from monitoring.exposition import exposition
from monitoring.feed_metrics import FeedMetrics
from monitoring.lag import PartitionLag
from monitoring.metrics import WorkerMetrics
from monitoring.sink_metrics import SinkMetrics
from monitoring.web_metrics import WebMetrics
from ratecast.contract.alerts import Alert
from ratecast.errors import ErrorCode
from ratecast.model.references import FeatureReference
from ratecast.release import __version__
from ratecast.scoring.observations import HindcastErrors, Observations
from ratecast.scoring.scored_batch import ScoredBatch
from tests import drifting_inputs
from tests.bundles import training_stats
from tests.observations import observations_of

METRICS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


@pytest.fixture
def lags() -> list[PartitionLag]:
    return []


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry, lags: list[PartitionLag]) -> WorkerMetrics:
    return WorkerMetrics(registry, lambda: lags)


def test_every_metric_of_the_contract_is_there(metrics, registry) -> None:
    names = {family.name for family in registry.collect()}
    assert names >= {
        "prediction_requests", "inference_latency_seconds", "data_drift_requests", "data_drift_ratio",
        "http_requests", "message_latency_seconds", "rate_age_seconds", "consumer_lag_records",
        "consumer_lag_seconds", "messages_consumed", "predictions_published", "dead_letters",
        "batch_size_records", "transactions", "rebalances", "assigned_partitions", "model_info",
        "model_loaded_timestamp_seconds",
    }  # fmt: skip


def of_all_programs(of_a_worker: CollectorRegistry) -> list[Metric]:
    """Returns the families of a worker, the page, the sink and the feed."""
    of_web, of_sink = CollectorRegistry(), CollectorRegistry()
    WebMetrics(of_web)
    SinkMetrics(of_sink, list)
    FeedMetrics(of_feed := CollectorRegistry(), "ecb", ())
    return [*of_a_worker.collect(), *of_web.collect(), *of_sink.collect(), *of_feed.collect()]


def test_the_reference_lists_every_metric_and_no_other(metrics, registry) -> None:
    page = METRICS_PAGE.read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    assert {f.name + ("_total" if f.type == "counter" else "") for f in of_all_programs(registry)} == listed


def test_help_says_what_is_counted_and_calls_a_message_a_message(metrics, registry) -> None:
    for family in of_all_programs(registry):
        assert re.fullmatch(r"[A-Z1].+\.", family.documentation), family.name
        # Kafka's word for a message, which some names fixed by the contract have.
        assert not re.search(r"\brecords?\b", family.documentation, re.IGNORECASE), family.name
        assert not family.documentation.lower().startswith(("number of", "count of")), family.name


def test_codes_and_outcomes_start_at_zero(metrics, registry) -> None:
    for code in ErrorCode:
        assert registry.get_sample_value("dead_letters_total", {"code": code}) == 0
    for outcome in ("committed", "aborted", "fenced"):
        assert registry.get_sample_value("transactions_total", {"outcome": outcome}) == 0
    metrics.model_loaded(training_stats())
    assert registry.get_sample_value("prediction_requests_total", {"pair": "EUR/GBP"}) == 0
    for alert in Alert:
        labels = {"pair": "EUR/GBP", "alert": alert}
        assert registry.get_sample_value("data_quality_alerts_total", labels) == 0


def test_one_model_is_shown_at_a_time(metrics, registry) -> None:
    metrics.model_loaded(training_stats("one"))
    metrics.model_loaded(training_stats("two"))
    shown = [s.labels["version"] for f in registry.collect() if f.name == "model_info" for s in f.samples]
    assert shown == ["two"]
    assert registry.get_sample_value("model_trained_until_timestamp_seconds") == 1735603200


def of_age(as_of: dict[str, str]) -> ScoredBatch:
    return replace(ScoredBatch.rejected([]), as_of=as_of)


def observing(*found: Observations) -> ScoredBatch:
    return replace(ScoredBatch.rejected([]), observations=list(found))


def observations(version: str, messages: int = 300) -> Observations:
    """Invented: a calm pair, its forecasts as good as the last rate's and its ranges right 4 times in 5."""
    rows, move = np.zeros(messages, dtype=np.intp), np.full(messages, 0.001)
    inside = np.column_stack((np.arange(messages) % 5 > 0, np.ones(messages, dtype=bool)))
    half, offsets = np.full((messages, 2), 0.002), np.arange(messages)
    hindcasts = HindcastErrors(rows, move, move, inside, move, np.zeros(messages, dtype=bool), half, offsets)
    return observations_of(version, hindcasts)


def test_live_accuracy_is_of_the_model_in_use_and_goes_with_its_partition(metrics, registry) -> None:
    metrics.model_loaded(training_stats("one"))
    metrics.committed(("t", 0), observing(observations("one")), 0.1, [])
    metrics.committed(("t", 0), observing(observations("another")), 0.1, [])
    pair = {"pair": "EUR/GBP"}
    assert registry.get_sample_value("accuracy_window_messages", pair) == 300
    assert registry.get_sample_value("forecast_error_ratio", pair) == 1
    assert registry.get_sample_value("interval_coverage_ratio", {**pair, "level": "80"}) == 0.8
    metrics.revoked("t", 0)
    assert registry.get_sample_value("accuracy_window_messages", pair) is None


def test_windowed_drift_is_shown_with_its_threshold_and_goes_with_the_model(metrics, registry) -> None:
    reference = FeatureReference(edges=(0.0,), counts=(50, 50), thresholds={"ks": {250: 0.2}})
    stats = training_stats("one").model_copy(update={"feature_drift": {"EUR/GBP": {"return_1": reference}}})
    metrics.model_loaded(stats)
    metrics.committed(("t", 0), observing(observations("one", 200)), 0.1, [])
    labels = {"pair": "EUR/GBP", "feature": "return_1", "test": "ks"}
    assert registry.get_sample_value("feature_drift_score", labels) is None
    metrics.committed(("t", 0), observing(observations("one", 100)), 0.1, [])
    assert registry.get_sample_value("feature_drift_score", labels) == 0.5  # all at 0, training half below it
    assert registry.get_sample_value("feature_drift_threshold", labels) == 0.2
    assert registry.get_sample_value("feature_drift_window_messages", labels) == 300
    metrics.model_loaded(training_stats("two"))
    assert registry.get_sample_value("feature_drift_score", labels) is None


def test_importance_weighted_drift_goes_with_its_partition_and_the_importances_with_the_model(
    metrics, registry
) -> None:
    stats = training_stats("one").model_copy(update={"model_drift": drifting_inputs.reference()})
    metrics.model_loaded(stats)
    pair, feature = {"pair": "EUR/GBP"}, {"feature": drifting_inputs.IMPORTANT}
    assert registry.get_sample_value("feature_importance", feature) == 0.6
    assert registry.get_sample_value("model_drift_score", pair) is None
    metrics.committed(("t", 0), observing(observations("one")), 0.1, [])
    # All inputs are 0: of training 50 % lies in higher bins.
    assert registry.get_sample_value("model_drift_score", pair) == pytest.approx(0.5)
    assert registry.get_sample_value("model_drift_score_threshold", pair) == 0.2
    assert registry.get_sample_value("model_drift_input_score", {**pair, **feature}) == pytest.approx(0.5)
    metrics.revoked("t", 0)
    assert registry.get_sample_value("model_drift_score", pair) is None
    metrics.committed(("t", 0), observing(observations("one")), 0.1, [])
    metrics.model_loaded(training_stats("two"))
    assert registry.get_sample_value("model_drift_score", pair) is None
    assert registry.get_sample_value("feature_importance", feature) is None


def test_messages_without_inputs_of_the_range_forest_have_no_model_drift(metrics, registry) -> None:
    stats = training_stats("one").model_copy(update={"model_drift": drifting_inputs.reference()})
    metrics.model_loaded(stats)
    found = observations("one")
    short = replace(found, input_pair_rows=found.pair_rows[:0], range_inputs=found.range_inputs[:0])
    metrics.committed(("t", 0), observing(short), 0.1, [])
    assert registry.get_sample_value("model_drift_score", {"pair": "EUR/GBP"}) is None
    assert registry.get_sample_value("accuracy_window_messages", {"pair": "EUR/GBP"}) == 300


def test_a_scored_batch_counts_each_record(metrics, registry) -> None:
    pairs = ["EUR/GBP", "EUR/USD", "EUR/GBP"]
    alerts = [("EUR/GBP", "jump"), ("EUR/GBP", "decimal_slip"), ("EUR/GBP", "jump")]
    drifted = np.array([True, False, False])
    batch = ScoredBatch([], pairs, [b"{}"] * 3, drifted, {}, {}, alerts, [], [])
    metrics.committed(("t", 0), batch, seconds=0.004, timestamps_ms=[0, 0, 0, 0])
    assert registry.get_sample_value("data_quality_alerts_total", {"pair": "EUR/GBP", "alert": "jump"}) == 2
    assert registry.get_sample_value("prediction_requests_total", {"pair": "EUR/GBP"}) == 2
    assert registry.get_sample_value("data_drift_requests_total", {"pair": "EUR/GBP"}) == 1
    assert registry.get_sample_value("data_drift_requests_total", {"pair": "EUR/USD"}) is None
    assert registry.get_sample_value("data_drift_ratio") == pytest.approx(1 / 3)
    assert registry.get_sample_value("inference_latency_seconds_bucket", {"le": "0.005"}) == 4
    assert registry.get_sample_value("inference_latency_seconds_bucket", {"le": "0.0025"}) == 0


def test_a_clock_behind_the_brokers_gives_no_negative_latency(metrics, registry) -> None:
    metrics.committed(("t", 0), of_age({"EUR/GBP": "2020-01-01"}), 0.1, [int(time.time() * 1000) + 60_000, 0])
    assert registry.get_sample_value("message_latency_seconds_bucket", {"le": "0.0005"}) == 1
    assert registry.get_sample_value("message_latency_seconds_count") == 2
    age = registry.get_sample_value("rate_age_seconds", {"pair": "EUR/GBP"})
    assert age == pytest.approx(time.time() - 1577836800, abs=5)


def test_an_older_replay_does_not_make_the_newest_rate_older(metrics, registry) -> None:
    metrics.committed(("t", 0), of_age({"EUR/GBP": "2026-01-02T10:00:00+00:00"}), 0.1, [0])
    metrics.committed(("t", 0), of_age({"EUR/GBP": "1999-01-04"}), 0.1, [0])
    age = registry.get_sample_value("rate_age_seconds", {"pair": "EUR/GBP"})
    assert age == pytest.approx(time.time() - 1767348000, abs=5)


def test_a_date_of_the_future_does_not_make_a_pair_look_fresh(metrics, registry) -> None:
    metrics.committed(("t", 0), of_age({"EUR/GBP": "2099-01-01", "EUR/USD": "2099-01-01"}), 0.1, [0])
    metrics.committed(("t", 0), of_age({"EUR/GBP": "2026-01-02"}), 0.1, [0])
    age = registry.get_sample_value("rate_age_seconds", {"pair": "EUR/GBP"})
    assert age == pytest.approx(time.time() - 1767312000, abs=5)
    assert registry.get_sample_value("rate_age_seconds", {"pair": "EUR/USD"}) is None


@pytest.mark.parametrize(
    "as_of",
    [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00+23:59:59.999999",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59.999999999",
    ],
)
def test_a_date_at_the_end_of_the_calendar_is_counted_or_left_out(metrics, registry, as_of: str) -> None:
    metrics.committed(("t", 0), of_age({"EUR/GBP": as_of}), 0.1, [0])
    metrics.committed(("t", 0), of_age({"EUR/GBP": "2026-01-02"}), 0.1, [0])
    age = registry.get_sample_value("rate_age_seconds", {"pair": "EUR/GBP"})
    assert age == pytest.approx(time.time() - 1767312000, abs=5)


@pytest.mark.parametrize(("hours_ahead", "counts"), [(-1, True), (14, True), (23, True), (25, False)])
def test_a_day_that_has_begun_somewhere_is_not_of_the_future(
    metrics, registry, hours_ahead: int, counts: bool
) -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours_ahead)
    metrics.committed(("t", 0), of_age({"EUR/GBP": moment.isoformat()}), 0.1, [0])
    assert (registry.get_sample_value("rate_age_seconds", {"pair": "EUR/GBP"}) is not None) is counts


def test_the_build_is_known(metrics, registry) -> None:
    labels = {"version": __version__, "python": platform.python_version()}
    assert registry.get_sample_value("build_info", labels) == 1


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_a_scrape_has_no_times_of_creation_and_everything_else(metrics, registry, accept) -> None:
    metrics.polled("rates", 0, 5)
    metrics.revoked("rates", 0)  # a counter without a series keeps its words
    body, content_type = exposition(registry, accept)
    plain = generate_latest(registry).decode()
    text = body.decode()
    assert "_created" in plain
    assert "_created" not in text
    for line in plain.splitlines():
        if not accept and "_created" not in line:
            assert line in text
    assert ("openmetrics" in content_type) is bool(accept)


@pytest.mark.parametrize("name", ["inference_latency_seconds", "message_latency_seconds"])
def test_latencies_have_the_buckets_that_alerts_and_dashboards_outside_rely_on(
    registry, metrics, name
) -> None:
    (family,) = (family for family in registry.collect() if family.name == name)
    bounds = [sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")]
    expected = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, float("inf")]
    assert [float(bound) for bound in bounds] == expected


def test_a_pair_that_a_new_model_does_not_know_has_no_age(metrics, registry) -> None:
    metrics.committed(("t", 0), of_age({"EUR/GBP": "2026-01-02", "EUR/XXX": "2026-01-02"}), 0.1, [0])
    metrics.model_loaded(training_stats())
    assert registry.get_sample_value("rate_age_seconds", {"pair": "EUR/GBP"}) is not None
    assert registry.get_sample_value("rate_age_seconds", {"pair": "EUR/XXX"}) is None


def test_a_revoked_partition_has_no_series(metrics, registry, lags) -> None:
    labels = {"topic": "t", "partition": "3"}
    lags.append(PartitionLag("t", 3, 7, 2.0))
    metrics.polled("t", 3, 10)
    assert registry.get_sample_value("messages_consumed_total", labels) == 10
    assert registry.get_sample_value("consumer_lag_records", labels) == 7
    assert registry.get_sample_value("consumer_lag_seconds", labels) == 2
    lags.clear()
    metrics.revoked("t", 3)
    metrics.revoked("t", 4)  # never polled
    for name in ("messages_consumed_total", "consumer_lag_records", "consumer_lag_seconds"):
        assert registry.get_sample_value(name, labels) is None


def test_lag_before_the_first_fetch_is_unknown_not_zero(registry, metrics, lags) -> None:
    lags.append(PartitionLag("t", 0, None, None))
    assert registry.get_sample_value("consumer_lag_records", {"topic": "t", "partition": "0"}) is None
