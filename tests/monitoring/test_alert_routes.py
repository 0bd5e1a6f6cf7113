"""Alertmanager's two configurations: routes, inhibitions, secrets, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from monitoring.grafana import runbooks
from tests.monitoring.test_rules import ALERTS, NAMES, PROMETHEUS, ROOT, load, run

if TYPE_CHECKING:
    from pathlib import Path

ALERTMANAGER = ROOT / "monitoring" / "alertmanager"
CONFIGS = sorted(ALERTMANAGER.glob("*.yml"))


def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_alertmanager_accepts_its_configuration(path: Path) -> None:
    assert "SUCCESS" in run("amtool", "check-config", path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "critical"), ("warning", "warning"), ("info", "nobody")]
)
def test_an_alert_goes_to_the_receiver_of_its_severity(path: Path, severity: str, receiver: str) -> None:
    labels = ["alertname=RatecastConsumerLagOverBudget", f"severity={severity}"]
    out = run(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={path}",
        f"--verify.receivers={receiver}",
        *labels,
    )
    assert out.splitlines()[0] == receiver


def test_both_configurations_differ_in_receivers_only() -> None:
    plain, notify = load(ALERTMANAGER / "alertmanager.yml"), load(ALERTMANAGER / "alertmanager.notify.yml")
    assert (plain["route"], plain["inhibit_rules"]) == (notify["route"], notify["inhibit_rules"])
    assert all(set(receiver) == {"name"} for receiver in plain["receivers"])
    kinds = {kind for receiver in notify["receivers"] for kind in receiver if kind != "name"}
    assert kinds == {"slack_configs", "email_configs", "webhook_configs"}


def test_no_workers_is_known_before_what_it_silences_is_sent() -> None:
    # Otherwise both are sent. Each alert is evaluated once in an evaluation interval.
    waits = {rule["alert"]: seconds(rule.get("for", "0s")) for rule in ALERTS}
    route = load(ALERTMANAGER / "alertmanager.yml")["route"]
    interval = seconds(load(PROMETHEUS / "prometheus.yml")["global"]["evaluation_interval"])
    for name in ("RatecastWorkerDown", "RatecastWorkersFewer"):
        assert waits["RatecastNoWorkers"] + interval < waits[name] + seconds(route["group_wait"])
    (critical,) = [r for r in route["routes"] if r["receiver"] == "critical"]
    for name in ("RatecastPartitionWithoutOwner", "RatecastPredictionsStalled"):
        assert waits["RatecastNoWorkers"] + interval < waits[name] + seconds(critical["group_wait"])


def test_notifications_link_to_the_runbook_that_the_alert_names() -> None:
    texts = [(ALERTMANAGER / name).read_text() for name in ("notifications.tmpl", "alertmanager.notify.yml")]
    assert all(".CommonAnnotations.runbook_url" in text for text in texts)
    assert not any(runbooks.RUNBOOKS_URL in text or "public/runbooks" in text for text in texts)


def test_secrets_are_read_from_files() -> None:
    settings = load(ALERTMANAGER / "alertmanager.notify.yml")["global"]
    assert {"slack_api_url_file", "smtp_auth_password_file"} <= set(settings)
    assert not {"slack_api_url", "smtp_auth_password"} & set(settings)


def test_inhibitions_name_alerts_that_exist() -> None:
    for rule in load(ALERTMANAGER / "alertmanager.yml")["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            label, value = re.fullmatch(r'(\w+) =~? "?([^"]+)"?', matcher).groups()  # type: ignore[union-attr]
            if label == "alertname":
                for part in value.split("|"):
                    assert any(re.fullmatch(part, name) for name in NAMES), part
