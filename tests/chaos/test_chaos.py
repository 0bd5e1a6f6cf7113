"""The short form: the faults that test the guarantee hardest, once each, on three brokers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ratecast_stack.children import free_port
from tests import brokers
from tests.chaos.run import ChaosOptions, run_chaos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ratecast_stack.jvm.cluster import JvmCluster

FAULTS = (
    "kill_between_send_and_commit",
    "kill_inside_commit",
    "zombie",
    "kill_broker",
    "cut_worker",
    "no_brokers",
)


@pytest.fixture
def cluster_behind_proxies(tmp_path: Path) -> Iterator[tuple[JvmCluster, tuple[int, ...]]]:
    ports = (free_port(), free_port(), free_port())
    try:
        with brokers.three_brokers(tmp_path / "kafka", ports) as cluster:
            yield cluster, ports
    except brokers.NotHereError as reason:
        pytest.skip(f"chaos needs Apache Kafka on the JVM: {reason}")


@pytest.mark.timeout(600)
async def test_every_message_has_one_outcome_whatever_is_killed(
    cluster_behind_proxies: tuple[JvmCluster, tuple[int, ...]], models_dir: Path, tmp_path: Path
) -> None:
    cluster, ports = cluster_behind_proxies
    options = ChaosOptions(seed=3, faults=FAULTS, rate=150, no_broker_seconds=8, calm_seconds=(0.5, 1.5))
    report = await run_chaos(cluster, ports, models_dir, tmp_path, options, print)
    print(json.dumps(report.as_dict(), indent=2))
    assert report.published > 2000
    assert report.scored == report.published
    assert (report.lost, report.duplicated, report.dead_lettered) == (0, 0, 0)
    assert report.workers_crashed == []
    assert [fault.kind for fault in report.faults if fault.kind not in FAULTS] == []
    assert len(report.faults) == len(FAULTS)
