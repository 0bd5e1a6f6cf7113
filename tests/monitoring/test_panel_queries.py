"""The queries of the panels: metrics that exist, filters, windows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from monitoring.feed_metrics import FeedMetrics
from monitoring.grafana import build, frame
from monitoring.metrics import WorkerMetrics
from monitoring.sink_metrics import SinkMetrics
from tests import dashboards
from tests.dashboards import SELECTOR, metric_names, panel_of, panels, queries, steps
from tests.promql import selectors

EXTERNAL = {"ALERTS"}  # made by Prometheus itself
# Recorded series that the panels use, with their labels.
RECORDED = {
    "ratecast:consumer_lag_records:max": {"cluster", "topic", "partition"},
    "ratecast:consumer_lag_seconds:max_30s": {"cluster", "job", "instance", "topic", "partition"},
    "ratecast:input_partition:known": {"cluster", "topic", "partition"},
    "ratecast:data_drift:ratio_25h": {"cluster"},
    "ratecast:messages_due:sum": {"cluster"},
    "ratecast:dead_letters:ratio_15m": {"cluster", "code"},
    "ratecast:transactions_aborted:ratio_2m": {"cluster", "job", "instance"},
    "ratecast:records_lost_to_retention:increase_1h": {"cluster", "job", "instance"},
    "ratecast:scoring_errors:increase_15m": {"cluster", "job", "instance"},
    "ratecast:interval_coverage:standard_errors": {"cluster", "job", "instance", "pair", "level"},
    "ratecast:sink_lag_seconds:max_30s": {"cluster", "topic", "partition"},
    "ratecast:model_age_seconds": {"cluster"},
    "ratecast:budget:interval_coverage_standard_errors": set(),
    "ratecast:budget:forecast_error_ratio": set(),
}
# Queries for all workers together, which ignore the chosen worker.
OF_ALL_WORKERS = {
    "ratecast-overview / Predictions flowing / A",
    "ratecast-overview / Dead-letter ratio by code / A",
    "ratecast-overview / Drift ratio over time / C",
    "ratecast-model / Time since the last training day / A",
    "ratecast-overview / Rows written by table / A",
    "ratecast-overview / Lag of the sink / A",
    "ratecast-overview / Failures of the sink's database / A",
    "ratecast-overview / Late rates of the feed / A",
    "ratecast-overview / Polls by outcome / A",
    "ratecast-overview / Refused by the feed / A",
}
# Variables that a part of a query ignores: whether any worker publishes, whether any worker reads a partition, and sinks.
IGNORED = {
    ("ratecast-overview / Rows written by table / A", "sink_rows_total"): {"job", "instance"},
    ("ratecast-overview / Failures of the sink's database / A", "sink_database_failures_total"): {
        "job",
        "instance",
    },
    ("ratecast-overview / Lag of the sink / A", "ratecast:sink_lag_seconds:max_30s"): {"partition"},
    ("ratecast-overview / Late rates of the feed / A", "feed_late_seconds"): {"job", "instance"},
    ("ratecast-overview / Polls by outcome / A", "feed_polls_total"): {"job", "instance"},
    ("ratecast-overview / Refused by the feed / A", "feed_refused_total"): {"job", "instance"},
    ("ratecast-overview / Predictions flowing / A", "predictions_published_total"): {"job", "instance"},
    ("ratecast-overview / Predictions flowing / A", "ratecast:consumer_lag_records:max"): {"partition"},
    ("ratecast-overview / Partitions without owner / A", "consumer_lag_records"): {
        "job",
        "instance",
        "partition",
    },
}
# Fixed windows, equal to those of the gauge or the alert that the panel repeats.
WINDOWS = {
    "ratecast-overview / Drift ratio / A": {"5m"},
    "ratecast-overview / Predictions flowing / A": {"2m"},
}
ALL = dashboards.dashboards()
QUERIES = [pytest.param(board, query, id=query.where) for board in ALL for query in queries(board)]
RULES = Path(build.__file__).parents[1] / "prometheus/rules"


def expressions(title):
    return [target["expr"] for target in panel_of(title)["targets"]]


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of every series that a worker can export or that a rule used here records."""
    registry = CollectorRegistry()
    WorkerMetrics(registry, list)
    SinkMetrics(sinks := CollectorRegistry(), list)
    FeedMetrics(feeds := CollectorRegistry(), "ecb", ())
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    found: dict[str, set[str]] = dict(RECORDED)
    for collector in [*registry._collector_to_names, *sinks._collector_to_names, *feeds._collector_to_names]:
        for family in getattr(collector, "describe", collector.collect)():
            names = set(getattr(family, "_labelnames", None) or getattr(collector, "_labelnames", None) or ())
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(
                family.type, [""]
            )
            for ending in endings:
                found[family.name + ending] = (
                    names | {"cluster", "instance", "job"} | ({"le"} if "bucket" in ending else set())
                )
    return found


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_a_query_names_only_metrics_that_exist(board, query, labels):
    names = metric_names(query.expr)
    assert names
    assert names <= labels.keys() | EXTERNAL


def test_the_rules_record_what_the_panels_use():
    text = "".join(path.read_text() for path in RULES.glob("recording*.yml"))
    recorded = re.findall(r"(?m)^\s+- record: (\S+)$", text)
    assert RECORDED.keys() <= set(recorded)
    used = set().union(*(metric_names(query.expr) for board in ALL for query in queries(board)))
    assert {name for name in used if ":" in name} == RECORDED.keys()


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_a_query_filters_by_every_variable_its_metrics_have_a_label_for(board, query, labels):
    variables = {variable["name"] for variable in board["templating"]["list"]} - {"datasource"}
    assert query.selective == (query.where not in OF_ALL_WORKERS)
    for selector in selectors(query.expr):
        known = labels.get(selector.metric, {"cluster", "job", "instance", "pair"})
        for variable in (variables & known) - IGNORED.get((query.where, selector.metric), set()):
            assert any(value.split("|")[0] == f"${variable}" for _, value in selector.of(variable)), selector
    for name in re.findall(r"\$(\w+)", query.expr):
        assert name in variables | {"__rate_interval", "__range"}


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_windows_follow_the_graph(board, query):
    windows = set(re.findall(r"\[([^\]]+)\]", query.expr))
    if query.where in WINDOWS:
        assert windows == WINDOWS[query.where]
    else:
        assert windows <= ({"$__range", "$__rate_interval"} if query.instant else {"$__rate_interval"})


def test_lag_comes_from_the_brokers_for_partitions_that_no_worker_owns():
    selected = 'ratecast:consumer_lag_records:max{cluster=~"$cluster",partition=~"$partition"}'
    assert expressions("Record lag") == [f"sum({selected})"]
    assert expressions("Record lag by partition") == [selected]


def test_a_single_number_is_the_current_one_and_not_the_last_one_of_a_worker_that_is_gone():
    tiles = [panel for board in ALL for panel in panels(board) if panel["type"] == "stat"]
    assert len(tiles) > 10
    assert all(target["instant"] and not target.get("range") for tile in tiles for target in tile["targets"])


def test_only_the_test_that_fires_alerts_counts_as_drift():
    (expr,) = expressions("Pairs over their drift threshold")
    selected = SELECTOR.findall(expr)
    assert [name for name, _ in selected] == [
        "feature_drift_score",
        "feature_drift_threshold",
        "feature_drift_score",
    ]
    assert all('test="ks"' in matchers for _, matchers in selected)


def test_the_first_line_shows_alerts_that_fire_throughput_latency_lag_and_drift():
    first, second, *_ = tiles = panels(dashboards.load(frame.OVERVIEW_UID))
    line = [tile["title"] for tile in tiles if tile["gridPos"]["y"] == first["gridPos"]["y"]]
    assert line == [
        "Alerts firing", "Predictions flowing", "Prediction rate", "End-to-end p95",
        "Scoring p95", "Record lag", "Time lag", "Drift ratio",
    ]  # fmt: skip
    (mapping,) = second["fieldConfig"]["defaults"]["mappings"]
    assert {value: shown["text"] for value, shown in mapping["options"].items()} == {
        "0": "nothing due",
        "1": "yes",
        "2": "STALLED",
    }
    assert steps(second) == [("blue", None), ("green", 1), ("red", 2)]


@pytest.mark.parametrize(("uid", "names"), [
    (frame.OVERVIEW_UID, ["datasource", "cluster", "job", "instance", "pair", "partition"]),
    (frame.MODEL_UID, ["datasource", "cluster", "job", "instance", "pair"]),
])  # fmt: skip
def test_variables_take_several_values_or_all(uid, names, labels):
    datasource, *choices = dashboards.load(uid)["templating"]["list"]
    assert [datasource["name"], *(choice["name"] for choice in choices)] == names
    assert datasource["query"] == "prometheus"
    for choice in choices:
        assert choice["multi"]
        assert choice["includeAll"]
        assert choice["allValue"] == ".*"
        metric, label = re.fullmatch(r"label_values\(([\w:]+)(?:\{.*\})?, (\w+)\)", choice["query"]).groups()
        assert label == choice["name"]
        assert label in labels[metric]
