"""Panels and rules count only the stack's own programs, and keep clusters apart."""

from __future__ import annotations

import re

import pytest

from monitoring.grafana import promql
from tests import dashboards
from tests.monitoring.test_rules import queries, rules
from tests.promql import Selector, groupings, selectors

PANEL_QUERIES = [
    pytest.param(query.expr, id=query.where)
    for board in dashboards.dashboards()
    for query in dashboards.queries(board)
]
VARIABLES = [
    pytest.param(
        re.sub(r"^label_values\((.+), \w+\)$", r"\1", choice["query"]), id=f"{board['uid']}-{choice['name']}"
    )
    for board in dashboards.dashboards()
    for choice in board["templating"]["list"][1:]
]
RULES = [
    pytest.param(rule, id=f"{rule.get('alert', rule.get('record'))}-{rule.get('labels')}") for rule in rules()
]
# The job of each program of the stack. Who scrapes it under another name is told to in docs/how-to/monitoring.md.
JOBS = {
    ("=~", "ratecast-worker.*"),
    ("=~", "ratecast-sink.*"),
    ("=~", "ratecast-feed.*"),
    ("=", "kafka-lag"),
    ("=", "prometheus"),
    ("=", "alertmanager"),
    ("=~", "prometheus|alertmanager"),
}
# Joins that lose no cluster: a threshold has none, and these apply only if there is no series at all.
WITHOUT_CLUSTER = {
    "ratecast:interval_coverage:standard_errors": {("level",)},
    "ratecast:workers_up:count": {()},
    "RatecastNoWorkers": {()},
}


def is_budget(selector: Selector) -> bool:
    """Whether it is a threshold, a number without labels that is the same for everybody."""
    return selector.metric.startswith("ratecast:budget:")


@pytest.mark.parametrize("expr", PANEL_QUERIES)
def test_a_panel_shows_the_chosen_clusters_and_jobs_only(expr: str) -> None:
    for selector in selectors(expr):
        if selector.metric == "ALERTS":
            assert ("=~", "Ratecast.+") in selector.of("alertname"), selector
            assert ("=~", "$cluster|") in selector.of("cluster"), selector
            assert selector.of("job")[0][1].startswith("$job|"), selector
        elif not is_budget(selector):
            assert ("=~", "$cluster") in selector.of("cluster"), selector
            # A recorded series of a whole cluster has no job.
            program = selector.metric.partition("_")[0]
            job = ("=~", f"ratecast-{program if program in {'sink', 'feed'} else 'worker'}.*")
            assert ":" in selector.metric or job in selector.of("job"), selector


@pytest.mark.parametrize("expr", [*PANEL_QUERIES, *VARIABLES])
def test_a_metric_of_a_program_names_its_job(expr: str) -> None:
    for selector in selectors(expr):
        if ":" not in selector.metric and selector.metric != "ALERTS":
            assert JOBS & set(selector.of("job")), selector


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_counts_only_programs_of_the_stack(rule: dict[str, object]) -> None:
    expr, *asked = queries(rule)
    for selector in selectors(expr):
        assert ":" in selector.metric or JOBS & set(selector.of("job")), selector
    for query in asked:
        for selector in selectors(query):
            assert ":" in selector.metric or (JOBS | {("=", "%s")}) & set(selector.of("job")), selector


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_keeps_clusters_apart(rule: dict[str, object]) -> None:
    expr, *asked = queries(rule)
    allowed = WITHOUT_CLUSTER.get(str(rule.get("alert", rule.get("record"))), set())
    for grouping in groupings(expr):
        assert "cluster" in grouping.labels or grouping.labels in allowed, grouping
    for query in asked:  # a description must not show figures of another cluster
        first = [selector for selector in selectors(query) if not is_budget(selector)][:1]
        assert all(("=", "%s") in selector.of("cluster") for selector in first), query


def test_rules_and_dashboards_agree_on_the_workers() -> None:
    assert promql.WORKERS == 'job=~"ratecast-worker.*"'
    assert sum(promql.WORKERS in str(rule["expr"]) for rule in rules()) > 30


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(dead_letters_total[2m]))",
        'up{job="billing"}',
        '{__name__=~"up"}',
        'a{b="c} job=~\\"ratecast-worker.*"}',
    ],
)
def test_an_expression_without_a_job_would_be_noticed(expr: str) -> None:
    assert [selector for selector in selectors(expr) if not JOBS & set(selector.of("job"))]
