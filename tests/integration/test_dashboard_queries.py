"""Every query of every panel and every alert rule, run on a real Prometheus that scrapes a real worker."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import shutil
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import monitoring
from producer.plan import histories
from producer.plan.faults import parse_fault
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.model.bundle import STATS
from ratecast.model.references import DRIFT_FEATURES, AccuracyReference, FeatureReference
from ratecast.model.shadow_pointer import set_shadow
from ratecast.rates.tables import RateTable
from ratecast.settings import Settings
from tests import brokers, dashboards, drifting_inputs
from tests.bad_records import BAD
from tests.bundles import LEVELS, SIGMA, training_stats, write_bundle, write_manifest
from tests.dashboards import Query, metric_names
from tests.integration.exporters import kminion, metrics_of_a_feed, metrics_of_a_sink
from tests.integration.prometheus import running_prometheus
from tests.integration.workers import publish, running_worker

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="no `prometheus` here (Debian: apt-get install prometheus)"
)

RULES = sorted((Path(monitoring.__file__).parent / "prometheus/rules").glob("*.yml"))
RATE_INTERVAL, RANGE = "5s", "5m"
DAYS = 700
SECONDS_FOR_DATA = 35.0
ALWAYS_FAULTY = "EUR/JPY"

# Rules that give ALERTS series with and without the labels of a pair and a worker.
ALERT_RULES = """\
groups:
  - name: test
    rules:
      - {alert: RatecastOfNobody, expr: vector(1), labels: {severity: info}}
      - {alert: RatecastOfAPair, expr: 'max by (pair) (prediction_requests_total) > 0', labels: {severity: warning}}
      - {alert: RatecastOfAWorker, expr: assigned_partitions > 0, labels: {severity: warning}}
"""

# Metrics in rules for which this test has no source.
WITHOUT_SOURCE = {
    "alertmanager_notifications_failed_total": "no Alertmanager is scraped",
    "kminion_kafka_consumer_group_topic_partition_lag": "no kminion is scraped",
    "kminion_kafka_topic_partition_high_water_mark": "no kminion is scraped",
}


@pytest.fixture
def settings(tmp_path):
    """Settings of a worker on a new broker, with a bundle that has references for drift and accuracy."""
    with brokers.embedded(tmp_path) as (servers, _):
        yield Settings(
            bootstrap_servers=servers, models_dir=write_full_bundle(tmp_path / "models"), http_port=0
        )


def write_full_bundle(models_dir):
    """Writes the synthetic bundle with references for live drift and accuracy, and a shadow model."""
    models_dir.mkdir()
    directory = write_bundle(models_dir)
    edges = tuple(np.quantile(np.random.default_rng(1).normal(0, SIGMA, 5000), np.linspace(0.05, 0.95, 19)))
    thresholds = {"psi": {250: 0.25, 500: 0.15}, "ks": {250: 0.12, 500: 0.09}}
    reference = FeatureReference(edges=edges, counts=(250,) * 20, thresholds=thresholds)
    stats = training_stats().model_copy(
        update={
            "feature_drift": {pair: dict.fromkeys(DRIFT_FEATURES, reference) for pair in LEVELS},
            "model_drift": drifting_inputs.reference(LEVELS),
            "accuracy": AccuracyReference(
                messages=1000, cap=3.0, mean=0.8, std=0.6, prior_messages=100, delta=0.09, threshold=5.0
            ),
        }
    )
    (directory / STATS).write_text(stats.model_dump_json(by_alias=True))
    write_manifest(directory, stats.model_version)
    write_bundle(models_dir, "shadow-1", seed=1, make_current=False)
    set_shadow(models_dir, "shadow-1")
    return models_dir


def plan():
    """Returns synthetic random walks that end today, with each kind of fault that a dashboard shows."""
    today = np.datetime64(dt.datetime.now(tz=dt.UTC).date())
    day = np.timedelta64(1, "D")
    dates = today - np.arange(DAYS)[::-1]
    steps = np.random.default_rng(7).normal(0, SIGMA, (len(LEVELS), DAYS)).cumsum(axis=1)
    walks = {pair: level * np.exp(walk) for (pair, level), walk in zip(LEVELS.items(), steps, strict=True)}
    faults = [
        f"decimal-slip:EUR/USD@{today - 400 * day}+3",
        f"stuck:EUR/CHF@{today - 500 * day}+20",
        f"volatility:{ALWAYS_FAULTY}@{today - 250 * day}",
    ]
    return histories.plan(
        RateTable("invented", dates, walks), tuple(LEVELS), faults=list(map(parse_fault, faults))
    )


@asynccontextmanager
async def replaying(settings):
    """Runs an endless replay with some bad records at its start, and stops it cleanly on exit."""
    stop = asyncio.Event()
    task = asyncio.create_task(replay(settings, plan(), Pace(400.0), loop=True, stop=stop))
    try:
        await publish(settings, [(name.encode(), value, []) for name, (value, _) in BAD.items()])
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def observed(settings, directory):
    """Runs a worker, a Prometheus that scrapes it, and the replay."""
    directory.mkdir()
    extra = directory / "extra.yml"
    extra.write_text(ALERT_RULES)
    copies = [extra]
    for path in RULES:
        copies.append(directory / path.name)
        # Groups that are evaluated once a minute would have no data within this test.
        copies[-1].write_text(re.sub(r"(?m)^(\s+interval:) \w+$", r"\1 1s", path.read_text()))
    async with (
        running_worker(settings) as worker,
        metrics_of_a_sink() as sink,
        metrics_of_a_feed() as feed,
        running_prometheus(
            directory,
            {
                "ratecast-worker": f"127.0.0.1:{worker.http.port}",
                "ratecast-sink": sink,
                "ratecast-feed": feed,
            },
            copies,
        ) as prometheus,
    ):
        await prometheus_has_seen(
            prometheus, "assigned_partitions"
        )  # before events, so that increases count them
        async with replaying(settings):
            yield worker, prometheus


async def prometheus_has_seen(prometheus, metric):
    async with asyncio.timeout(SECONDS_FOR_DATA):
        while not await prometheus.now(metric):
            await asyncio.sleep(0.1)


def substituted(expr, **chosen):
    """Returns the expression as Grafana sends it. Variables that are not chosen select everything."""
    everything = {"cluster": ".*", "job": ".*", "instance": ".*", "pair": ".*", "partition": ".*"}
    windows = {"__rate_interval": RATE_INTERVAL, "__range": RANGE}
    for name, value in (everything | windows | chosen).items():
        expr = expr.replace(f"${name}", value)
    assert "$" not in expr
    return expr


def queries(*, of_all_workers=True, **chosen):
    """Returns every query of every dashboard, or only those that depend on the chosen variables."""
    return [
        replace(query, expr=substituted(query.expr, **chosen))
        for board in dashboards.dashboards()
        for query in dashboards.queries(board)
        if of_all_workers or query.selective
    ]


async def series_of(prometheus, query):
    return await (prometheus.now(query.expr) if query.instant else prometheus.lately(query.expr))


async def without_data(prometheus, wanted):
    """Returns the queries that still have no series at the deadline."""
    deadline = time.monotonic() + SECONDS_FOR_DATA
    while True:
        wanted = [query for query in wanted if not await series_of(prometheus, query)]
        if not wanted or time.monotonic() > deadline:
            return wanted
        await asyncio.sleep(0.2)


async def test_every_query_and_every_rule_has_data_under_a_replay_with_faults(settings, tmp_path):
    async with observed(settings, tmp_path / "prometheus") as (worker, prometheus):
        instance = f"127.0.0.1:{worker.http.port}"
        assert await without_data(prometheus, queries()) == []
        for query in queries():  # Prometheus exposes process metrics too
            assert {labels.get("instance", instance) for labels, _ in await series_of(prometheus, query)} == {
                instance
            }, query

        # With one worker, pair and partition chosen, every panel has data, and of nothing else.
        (busiest, _), *_ = await prometheus.now("topk(1, messages_consumed_total)")
        chosen = {"instance": instance, "pair": ALWAYS_FAULTY, "partition": busiest["partition"]}
        assert await without_data(prometheus, queries(**chosen)) == []
        for query in queries(**chosen):
            for labels, _ in await series_of(prometheus, query):
                assert all(labels.get(label, value) == value for label, value in chosen.items()), query.where

        # With choices that do not exist, a panel with data would show something that was not chosen.
        for query in queries(of_all_workers=False, **dict.fromkeys(chosen, "nobody")):
            if "vector(0)" not in query.expr and "ALERTS" not in query.expr:
                assert await series_of(prometheus, query) == [], query.where

        assert await value(prometheus, "Predictions flowing") == 1  # yes
        assert await value(prometheus, "Partitions without owner") == 0
        await check_variables(prometheus, instance)
        await check_rules(prometheus)


async def value(prometheus, title, **chosen):
    """Returns what a tile of the overview shows, or None for no data."""
    (query,) = [query for query in queries(**chosen) if query.where == f"ratecast-overview / {title} / A"]
    found = await series_of(prometheus, query)
    return found[0][1][-1] if found else None


async def test_without_a_worker_the_overview_shows_what_the_brokers_know(tmp_path):
    rules = [path for path in RULES if path.name.startswith("recording")]
    async with (
        kminion([700, 900, 0, 1400]) as address,
        running_prometheus(tmp_path, {"kafka-lag": address}, rules) as prometheus,
    ):
        await prometheus_has_seen(prometheus, "ratecast:messages_due:sum")
        assert await value(prometheus, "Record lag") == 3000
        assert await value(prometheus, "Record lag", partition="1|3") == 2300
        assert await value(prometheus, "Partitions without owner") == 4
        assert await value(prometheus, "Partitions without owner", partition="2") == 1
        assert await value(prometheus, "Predictions flowing") == 2  # stalled
        assert await value(prometheus, "Workers") == 0
        assert await value(prometheus, "Time lag") is None
        (by_partition,) = [query for query in queries() if "/ Record lag by partition /" in query.where]
        shown = {labels["partition"]: lags[-1] for labels, lags in await series_of(prometheus, by_partition)}
        assert shown == {"0": 700, "1": 900, "2": 0, "3": 1400}


async def check_variables(prometheus, instance):
    expected = {
        "cluster": set(),
        "job": {"ratecast-worker"},
        "instance": {instance},
        "pair": set(LEVELS),
        "partition": {"0", "1", "2", "3"},
    }
    for board in dashboards.dashboards():
        for variable in board["templating"]["list"][1:]:
            asked = substituted(variable["query"])
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", asked).groups()
            assert set(await prometheus.label_values(label, metric)) == expected[variable["name"]]


async def check_rules(prometheus):
    """Checks that every rule evaluates and that every recording rule and every metric of an alert has series."""
    groups = (await prometheus.get("rules"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {Path(group["file"]).name for group in groups} >= {path.name for path in RULES}
    for rule in rules:
        assert rule["health"] == "ok", (rule["name"], rule.get("lastError"))
        await prometheus.now(rule["query"])
    wanted = [Query(rule["name"], rule["query"], True) for rule in rules if rule["type"] == "recording"]
    named = set().union(*(metric_names(rule["query"]) for rule in rules))
    wanted += [Query(f"metric {name}", name, True) for name in sorted(named)]
    wanted = [query for query in wanted if query.expr not in WITHOUT_SOURCE]
    assert await without_data(prometheus, wanted) == []
    assert not [name for name in WITHOUT_SOURCE if await prometheus.now(name)], (
        "has data, so remove it from WITHOUT_SOURCE"
    )
