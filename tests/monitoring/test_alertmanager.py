"""Alertmanager started with each configuration and without secrets: it runs, routes and inhibits."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGS = sorted((Path(__file__).parents[2] / "monitoring" / "alertmanager").glob("*.yml"))
PROGRAM = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
INHIBITED = {
    ("RatecastWorkerDown", "w1"),  # by RatecastNoWorkers
    ("RatecastWorkersFewer", "all"),
    ("RatecastInferenceLatencyHigh", "w1"),  # by RatecastWorkerDown of w1, itself inhibited
    ("RatecastConsumerLagGrowing", "partition 1"),
    ("RatecastDriftRatioHigh", "w2"),
    ("RatecastDailyDriftRatioHigh", "all"),
    ("RatecastCoverageOff", "EUR/USD"),
}


def alert(what: str, severity: str = "warning", **labels: str) -> dict[str, Any]:
    name, _, about = what.partition(" ")
    return {"labels": {"alertname": name, "severity": severity, **labels}, "annotations": {"about": about}}


ALERTS = [
    alert("RatecastNoWorkers everything", "critical"),
    alert("RatecastWorkerDown w1", job="ratecast-worker", instance="w1"),
    alert("RatecastWorkersFewer all"),
    alert("RatecastWorkersFewer of another cluster", cluster="b"),
    alert("RatecastCoverageOff of another cluster", cluster="b", pair="EUR/USD", level="95", instance="w2"),
    alert("RatecastInferenceLatencyHigh w1", job="ratecast-worker", instance="w1"),
    alert("RatecastInferenceLatencyHigh w2", job="ratecast-worker", instance="w2"),
    alert("RatecastConsumerLagGrowing partition 1", topic="rate-histories", partition="1"),
    alert("RatecastFleetDriftRatioHigh all", "critical"),
    alert("RatecastDriftRatioHigh w2", "critical", instance="w2"),
    alert("RatecastDailyDriftRatioHigh all"),
    alert("RatecastFeedFault EUR/USD", pair="EUR/USD", alert="jump"),
    alert("RatecastCoverageOff EUR/USD", pair="EUR/USD", level="95", instance="w2"),
    alert("RatecastCoverageOff EUR/GBP", pair="EUR/GBP", level="95", instance="w2"),
]

# With workers up, because RatecastNoWorkers inhibits some of these as well.
INHIBITED_WITH_WORKERS = {
    ("RatecastConsumerLagGrowing", "partition 2"),  # by RatecastRecordsHeldBack
    ("RatecastConsumerLagOverBudget", "partition 2"),
    ("RatecastDeadLettersRising", "scoring_failed"),  # by RatecastScoringErrors
    ("RatecastWorkerRestarting", "w3"),  # by RatecastGroupJoinRefused
    ("RatecastSinkLagOverBudget", "partition 1"),  # by RatecastSinkDatabaseFailing
}
ALERTS_WITH_WORKERS = [
    alert("RatecastSinkDatabaseFailing all"),
    alert("RatecastSinkLagOverBudget partition 1", topic="rate-predictions", partition="1"),
    alert("RatecastRecordsHeldBack partition 2", topic="rate-histories", partition="2"),
    alert("RatecastConsumerLagGrowing partition 2", topic="rate-histories", partition="2"),
    alert("RatecastConsumerLagOverBudget partition 2", topic="rate-histories", partition="2", instance="w1"),
    alert("RatecastConsumerLagGrowing partition 3", topic="rate-histories", partition="3"),
    alert(
        "RatecastConsumerLagOverBudget critical",
        "critical",
        topic="rate-histories",
        partition="2",
        instance="w2",
    ),
    alert("RatecastScoringErrors w2", job="ratecast-worker", instance="w2"),
    alert("RatecastDeadLettersRising scoring_failed", code="scoring_failed"),
    alert("RatecastDeadLettersRising invalid_json", code="invalid_json"),
    alert("RatecastGroupJoinRefused w3", "critical", job="ratecast-worker", instance="w3"),
    alert("RatecastWorkerRestarting w3", job="ratecast-worker", instance="w3"),
    alert("RatecastWorkerRestarting w4", job="ratecast-worker", instance="w4"),
    alert("RatecastRecordsLostToRetention w3", "critical", job="ratecast-worker", instance="w3"),
    alert("RatecastPartitionBlocked w3", "critical", job="ratecast-worker", instance="w3"),
]


@pytest.fixture(params=CONFIGS, ids=lambda path: path.name)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed (Debian and Ubuntu: the package prometheus-alertmanager)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    # A group waits ten seconds before its first notification, so nothing is sent during the test.
    command = [PROGRAM, f"--config.file={request.param}", f"--storage.path={tmp_path}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: fetch(f"http://{address}/-/ready") is not None, process, tmp_path / "log")
            yield f"http://{address}"
        finally:
            process.kill()


def until(condition: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def fetch(url: str, body: Any = None) -> bytes | None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            result: bytes = response.read()
            return result
    except (urllib.error.URLError, ConnectionError):
        return None


@pytest.mark.parametrize(
    ("sent", "inhibited"),
    [(ALERTS, INHIBITED), (ALERTS_WITH_WORKERS, INHIBITED_WITH_WORKERS)],
    ids=["no workers", "workers"],
)
def test_it_starts_without_secrets_and_inhibits_consequences_of_other_alerts(
    url: str, sent: list[dict[str, Any]], inhibited: set[tuple[str, str]]
) -> None:
    assert fetch(f"{url}/api/v2/alerts", sent) is not None
    deadline = time.monotonic() + 20
    found: set[tuple[str, str]] = set()
    while found != inhibited and time.monotonic() < deadline:
        # Alertmanager computes inhibitions when a group is formed and when its API is queried.
        answer = fetch(f"{url}/api/v2/alerts")
        assert answer is not None
        alerts = json.loads(answer)
        found = {
            (entry["labels"]["alertname"], entry["annotations"]["about"])
            for entry in alerts
            if entry["status"]["inhibitedBy"]
        }
        time.sleep(0.05)
    assert found == inhibited
    assert len(alerts) == len(sent)
    routed = {entry["labels"]["severity"]: [r["name"] for r in entry["receivers"]] for entry in alerts}
    assert routed == {"critical": ["critical"], "warning": ["warning"]}
