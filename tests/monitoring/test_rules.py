"""The Prometheus rules and their promtool tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from monitoring import metrics, newest_collector
from monitoring.feed_metrics import FeedMetrics
from monitoring.grafana import runbooks
from monitoring.sink_metrics import SinkMetrics
from ratecast.contract.alerts import MARKET_ALERTS
from ratecast.model.ranges import LEVELS
from ratecast.settings import Settings
from tests.promql import selectors
from training.accuracy_reference import MESSAGES_PER_FALSE_ALARM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "monitoring" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))

# Metrics that kminion, Prometheus or Alertmanager exposes.
EXTERNAL = {
    "up",
    "prometheus_config_last_reload_successful",
    "prometheus_notifications_dropped_total",
    "prometheus_rule_evaluation_failures_total",
    "alertmanager_config_last_reload_successful",
    "kminion_kafka_consumer_group_topic_partition_lag",
    "kminion_kafka_topic_partition_high_water_mark",
    "alertmanager_notifications_failed_total",
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups("*.yml") for rule in group["rules"]]


def groups(pattern: str) -> list[dict[str, Any]]:
    """The rule groups of the matching files."""
    return [group for file in sorted((PROMETHEUS / "rules").glob(pattern)) for group in load(file)["groups"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = {rule["alert"] for rule in ALERTS}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
QUERY = re.compile(r'query (?:"((?:[^"\\]|\\.)*)"|\(printf "((?:[^"\\]|\\.)*)")')


def queries(rule: dict[str, Any]) -> list[str]:
    """The expression of a rule, and the queries in the annotations of an alert."""
    texts = rule.get("annotations", {}).values()
    return [str(rule["expr"]), *(a or b for text in texts for a, b in QUERY.findall(text))]


def names_in(expression: str) -> set[str]:
    """Returns the names of the metrics that a PromQL expression reads."""
    return {selector.metric for selector in selectors(expression)} - {""}


def run(program: str, *arguments: str | Path) -> str:
    if shutil.which(program) is None:
        package = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}[program]
        pytest.skip(f"{program} is not installed (Debian and Ubuntu: the package {package})")
    result = subprocess.run([program, *arguments], capture_output=True, check=False, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def series_of_programs() -> set[str]:
    registry = CollectorRegistry()
    metrics.WorkerMetrics(registry, list)
    ProcessCollector(registry=registry)
    SinkMetrics(of_sinks := CollectorRegistry(), list)
    FeedMetrics(of_feeds := CollectorRegistry(), "ecb", ())
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    return {
        family.name + suffix
        for family in (*registry.collect(), *of_sinks.collect(), *of_feeds.collect())
        for suffix in suffixes.get(family.type, [""])
    }


def test_prometheus_accepts_its_configuration_and_rules() -> None:
    assert "SUCCESS" in run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


def test_prometheus_reads_every_rule_file_and_no_file_is_over_300_lines() -> None:
    assert load(PROMETHEUS / "prometheus.yml")["rule_files"] == ["rules/*.yml"]
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    assert len(files) > 1
    assert [path for path in [*files, *RULE_TESTS] if len(path.read_text().splitlines()) > 300] == []


@pytest.fixture(scope="module")
def rule_tests() -> Iterator[dict[Path, Future[str]]]:
    """Runs promtool on all files at once, because one after another they take a minute."""
    pool = ThreadPoolExecutor(os.cpu_count())
    yield {path: pool.submit(run, "promtool", "test", "rules", path) for path in RULE_TESTS}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path, rule_tests: dict[Path, Future[str]]) -> None:
    assert "SUCCESS" in rule_tests[path].result()


def loaded_by(path: Path) -> list[Path]:
    """The rule files that a promtool test loads. Files that it does not need would only make it slow."""
    return [(path.parent / name).resolve() for name in load(path)["rule_files"]]


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_a_rule_test_evaluates_every_group_of_its_files_in_order(path: Path) -> None:
    files = loaded_by(path)
    assert all(file.is_file() for file in files)
    names = [file.name for file in files]
    assert names == sorted(names, key=lambda name: name.startswith("alerts-"))  # recorded series come first
    assert load(path)["group_eval_order"] == [
        group["name"] for file in files for group in load(file)["groups"]
    ]


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_a_rule_test_loads_what_its_alerts_and_expressions_read(path: Path) -> None:
    loaded = [rule for file in loaded_by(path) for group in load(file)["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in loaded if "record" in rule}
    checks = [check for case in load(path)["tests"] for check in case.get("alert_rule_test", [])]
    asked = [check["expr"] for case in load(path)["tests"] for check in case.get("promql_expr_test", [])]
    checked = {check["alertname"] for check in checks}
    checked |= {name for name in NAMES for expr in asked if name in expr}
    assert checked <= {rule["alert"] for rule in loaded if "alert" in rule}
    needed = {
        name for rule in loaded if rule.get("alert") in checked for q in queries(rule) for name in names_in(q)
    }
    needed |= {name for rule in loaded if "record" in rule for name in names_in(str(rule["expr"]))}
    needed |= {name for expr in asked for name in names_in(expr)}
    assert {name for name in needed if ":" in name} <= recorded


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_alert_is_tested_firing_and_silent(name: str) -> None:
    checks = [
        check
        for path in RULE_TESTS
        for case in load(path)["tests"]
        for check in case.get("alert_rule_test", [])
        if check["alertname"] == name
    ]
    assert any(check["exp_alerts"] for check in checks), "no test sees it fire"
    assert any(not check["exp_alerts"] for check in checks), "no test sees it silent"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_names_the_problem_its_size_and_its_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook_url"}
    assert texts["runbook_url"] == runbooks.url(rule["alert"])
    size = re.search(r"\$value|\.Value", texts["description"])
    yes_or_no = ("up", "model_refused", "sum_over_time(group_join_refused", "{__name__")
    assert size or rule["expr"].startswith(yes_or_no)


def test_rules_read_only_metrics_that_exist() -> None:
    read = {name for rule in rules() for query in queries(rule) for name in names_in(query)}
    assert read >= {"data_drift_ratio", "inference_latency_seconds_bucket", "model_info"}
    assert read - series_of_programs() - RECORDED - EXTERNAL == set()


def test_rule_tests_and_runbooks_name_only_metrics_that_exist() -> None:
    known = series_of_programs() | RECORDED | EXTERNAL | {"ALERTS"}
    fed = {
        names_in(entry["series"]).pop()
        for path in RULE_TESTS
        for case in load(path)["tests"]
        for entry in case["input_series"]
    }
    shown = {
        name
        for path in RUNBOOKS.glob("*.md")
        for block in re.findall(r"```promql\n(.*?)```", path.read_text(), re.DOTALL)
        for name in names_in(block)
    }
    assert (fed | shown) - known == set()


def test_every_budget_is_a_plain_number_that_a_rule_uses() -> None:
    budgets = {name for name in RECORDED if name.startswith("ratecast:budget:")}
    used = {
        name
        for rule in rules()
        if rule.get("record") not in budgets
        for q in queries(rule)
        for name in names_in(q)
    }
    assert budgets <= used
    for rule in rules():
        if rule.get("record") in budgets:
            assert re.fullmatch(r"[\d.]+( \* \d+)?", str(rule["expr"])), rule


def test_rules_accept_dates_as_far_ahead_as_workers_do() -> None:
    (budget,) = [rule for rule in rules() if rule.get("record") == "ratecast:budget:rate_lead_seconds"]
    days, day = budget["expr"].split(" * ")
    assert int(days) * int(day) == newest_collector._AHEAD_SECONDS


def test_rules_know_every_level_of_ranges_and_every_alert_of_the_market() -> None:
    targets = [r for r in rules() if r.get("record") == "ratecast:budget:interval_coverage_ratio"]
    assert {rule["labels"]["level"]: float(rule["expr"]) for rule in targets} == {
        level: int(level) / 100 for level in LEVELS
    }
    (fault,) = [rule for rule in ALERTS if rule["alert"] == "RatecastFeedFault"]
    assert re.findall(r'alert!="(\w+)"', fault["expr"]) == sorted(MARKET_ALERTS)


def test_chance_is_what_the_change_test_was_fitted_to() -> None:
    (budget,) = [r for r in rules() if r.get("record") == "ratecast:budget:accuracy_changes_per_message"]
    assert float(budget["expr"]) == 1 / MESSAGES_PER_FALSE_ALARM


def test_rules_name_the_topic_and_group_that_settings_default_to() -> None:
    text = (PROMETHEUS / "rules" / "recording-kafka.yml").read_text()
    fields = Settings.model_fields
    assert set(re.findall(r'topic_name="([^"]+)"', text)) == {fields["input_topic"].default}
    assert set(re.findall(r'group_id="([^"]+)"', text)) == {fields["group_id"].default}


def test_prometheus_scrapes_every_ten_seconds_what_the_stack_runs() -> None:
    config = load(PROMETHEUS / "prometheus.yml")
    assert config["global"]["scrape_interval"] == "10s"
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == {
        "prometheus",
        "alertmanager",
        "ratecast-worker",
        "ratecast-sink",
        "ratecast-feed",
        "kafka-lag",
    }
    (dns,) = jobs["ratecast-worker"]["dns_sd_configs"]
    assert (dns["names"], dns["type"], dns["port"]) == (["worker"], "A", 8000)
    selected = {
        value
        for rule in rules()
        for query in queries(rule)
        for selector in selectors(query)
        for _, value in selector.of("job")
    } - {"%s"}
    for matcher in selected:
        assert any(re.fullmatch(matcher, job) for job in jobs), matcher
