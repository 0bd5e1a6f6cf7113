"""Two Prometheus, a mesh of Alertmanagers and a federation: the example files, and the real programs on them."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import yaml

from ratecast_stack.children import answers, free_port, running
from ratecast_stack.native import prometheus_config as configuration
from tests.monitoring.receivers import Inbox, Web, port_of, serving
from tests.monitoring.test_alert_delivery import found, of  # noqa: F401 - a fixture
from tests.monitoring.test_rules import PROMETHEUS, RECORDED, names_in, run
from tests.promql import selectors

ROOT = Path(__file__).parents[2]
HERE = ROOT / "monitoring" / "high-availability"
PAGE = ROOT / "docs" / "how-to" / "monitoring-high-availability.md"


def load(name):
    return yaml.safe_load((HERE / name).read_text())


@pytest.mark.parametrize("name", ["prometheus.yml", "federation.yml"])
def test_prometheus_accepts_the_examples(name):
    assert "SUCCESS" in run("promtool", "check", "config", HERE / name)


def test_alerts_of_the_federation_fire_when_they_should_and_only_then():
    assert "SUCCESS" in run("promtool", "test", "rules", HERE / "federation-tests.yml")


def test_a_replica_watches_what_the_stack_watches():
    replica, stack = load("prometheus.yml"), yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert (
        replica["global"].items()
        >= {k: v for k, v in stack["global"].items() if k != "external_labels"}.items()
    )
    labels = dict(replica["global"]["external_labels"])
    assert (labels.pop("replica"), labels.pop("cluster")) == ("${REPLICA}", "frankfurt")
    assert labels == stack["global"]["external_labels"]
    pairs = {"prometheus", "alertmanager"}
    jobs = {job["job_name"]: job for job in replica["scrape_configs"]}
    theirs = {job["job_name"]: job for job in stack["scrape_configs"]}
    assert jobs.keys() >= pairs
    # A job that the stack gains, the examples gain too. They may have more, whose programs are optional.
    assert jobs.keys() >= theirs.keys()
    assert {name: jobs[name] for name in theirs if name not in pairs} == {
        name: job for name, job in theirs.items() if name not in pairs
    }
    for name in pairs:
        assert len(jobs[name]["static_configs"][0]["targets"]) == 2


def test_the_federation_reads_series_that_the_sites_record():
    for config in load("federation.yml")["scrape_configs"]:
        matches = [selector for match in config["params"]["match[]"] for selector in selectors(match)]
        (recorded,) = [selector for selector in matches if selector.of("__name__")]
        wanted, without = (pattern for _, pattern in recorded.of("__name__"))
        taken = {name for name in RECORDED if re.fullmatch(wanted, name) and not re.fullmatch(without, name)}
        assert {"ratecast:workers_up:count", "ratecast:rate_staleness_seconds"} <= taken
        clusters = [static["labels"]["cluster"] for static in config["static_configs"]]
        assert len(clusters) == len(set(clusters)) > 1
        assert all(len(static["targets"]) == 2 for static in config["static_configs"])
    rules = [rule for group in load("federation-rules.yml")["groups"] for rule in group["rules"]]
    own = {rule["record"] for rule in rules if "record" in rule}
    read = {name for rule in rules for name in names_in(rule["expr"])}
    assert read <= taken | own | {"up", "ALERTS"}
    for rule in rules:
        if "alert" in rule:
            page, anchor = rule["annotations"]["runbook_url"].split("/blob/main/docs/how-to/")[1].split("#")
            assert page == PAGE.name
            assert f"\n## {anchor.capitalize()}\n" in PAGE.read_text()


def test_what_is_kept_for_years_is_recorded_or_counted_somewhere():
    in_cluster = load("kube-prometheus-stack.yaml")["prometheus"]["prometheusSpec"]["remoteWrite"][0]
    (kept,) = load("prometheus.yml")["remote_write"][0]["write_relabel_configs"]
    (same,) = in_cluster["writeRelabelConfigs"]
    assert same["regex"] == kept["regex"]
    metrics = (ROOT / "docs/reference/metrics.md").read_text()
    for name in kept["regex"].split("|"):
        assert name in {"ratecast:.+", "up"} or f"`{name}`" in metrics, name


def at_once(name, directory):
    """Writes a rule file whose alerts fire at once, and returns its path."""
    rules = yaml.safe_load((PROMETHEUS / "rules" / name).read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    copy = directory / name
    copy.write_text(json.dumps(rules))
    return copy


@pytest.fixture
def programs_on(found, tmp_path):  # noqa: F811 - the fixture
    """Starts a program with a configuration; returns what stops it."""
    with ExitStack() as stack:

        def start(program, name, content, port, *arguments):
            path = tmp_path / f"{name}.yml"
            path.write_text(json.dumps(content))
            command = [found[program], f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}"]
            own = stack.enter_context(ExitStack())
            child = own.enter_context(running(name, [*command, *arguments], tmp_path))
            child.wait_until(partial(answers, port, "/-/ready"))
            return own.close

        yield start


def test_two_prometheus_and_two_alertmanagers_send_one_notification_and_either_can_be_lost(
    programs_on, tmp_path
):
    inbox = Inbox()
    with serving(Web(inbox)) as web:
        routes = yaml.safe_load(configuration.ALERTMANAGER.read_text())
        routes["route"] |= {"group_wait": "100ms", "group_interval": "1s"}
        for receiver in routes["receivers"]:
            if receiver["name"] != "nobody":
                receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{port_of(web)}/{receiver['name']}"}]
        ports, meshed = [free_port(), free_port()], [free_port(), free_port()]
        stop = {
            f"alertmanager-{name}": programs_on(
                "alertmanager",
                f"alertmanager-{name}",
                routes,
                ports[number],
                f"--storage.path={tmp_path / f'alertmanager-{name}'}",
                f"--cluster.listen-address=127.0.0.1:{meshed[number]}",
                f"--cluster.peer=127.0.0.1:{meshed[1 - number]}",
                "--cluster.peer-timeout=300ms",
                "--cluster.gossip-interval=50ms",
            )
            for number, name in enumerate("ab")
        }
        for name in "ab":
            config = load("prometheus.yml")
            del config["remote_write"]
            config["global"] |= dict.fromkeys(
                ("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s"
            )
            config["global"]["external_labels"]["replica"] = name
            config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [
                f"127.0.0.1:{port}" for port in ports
            ]
            worker = {"targets": [f"127.0.0.1:{port_of(web)}"]}
            config["scrape_configs"] = [{"job_name": "ratecast-worker", "static_configs": [worker]}]
            config["rule_files"] = [str(at_once("alerts-model.yml", tmp_path))]
            data = f"--storage.tsdb.path={tmp_path / f'prometheus-{name}'}"
            stop[f"prometheus-{name}"] = programs_on(
                "prometheus", f"prometheus-{name}", config, free_port(), data
            )

        web.metrics = "model_refused 1\n"
        (alert,) = inbox.wait("warning", of("RatecastModelRefused", "firing"))["alerts"]
        assert alert["labels"]["cluster"] == "frankfurt"
        assert "replica" not in alert["labels"]
        web.metrics = "model_refused 0\n"
        inbox.wait("warning", of("RatecastModelRefused", "resolved"))
        # The other Alertmanager would have sent its copy 300 ms after the first, and resolving takes longer.
        statuses = [content["status"] for _, content in inbox.received]
        assert statuses.count("firing") == 1

        stop["alertmanager-a"]()
        stop["prometheus-b"]()
        inbox.received.clear()
        web.metrics = "model_refused 1\n"
        inbox.wait("warning", of("RatecastModelRefused", "firing"))
