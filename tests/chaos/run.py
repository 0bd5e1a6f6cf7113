"""A chaos run: cluster, workers, feed, faults in random order, and what the topics say afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import wire
from ratecast.kafka.audit_result import ranges
from ratecast.kafka.reader import read_topic
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings
from tests.bundles import LEVELS
from tests.chaos import broken_worker
from tests.chaos.faults import FAULTS, Scene
from tests.chaos.feed import Feed
from tests.chaos.fleet import Fleet
from tests.chaos.proxy import Proxy
from tests.chaos.settled import settled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ratecast.kafka.audit_result import Audit, Place
    from ratecast_stack.jvm.cluster import JvmCluster


@dataclass(frozen=True)
class ChaosOptions:
    """How much of it."""

    seed: int
    rounds: int = 1  # each round has every fault once
    faults: tuple[str, ...] = tuple(FAULTS)
    rate: float = 200.0
    no_broker_seconds: float = 60.0
    calm_seconds: tuple[float, float] = (4.0, 9.0)  # between faults
    broken: str | None = None  # one of tests.chaos.broken_worker.BREAKS


@dataclass
class FaultRecord:
    """One fault: when it was done and how late the messages of its time came out."""

    kind: str
    started: float  # seconds since the epoch
    seconds: float = 0.0
    recovery_seconds: float = 0.0


@dataclass
class ChaosReport:
    """What came of a run; counts are the topics' own."""

    seed: int
    seconds: float = 0.0
    published: int = 0
    scored: int = 0
    dead_lettered: int = 0
    lost: int = 0
    duplicated: int = 0
    pending: int = 0  # still without an outcome when the run gave up waiting
    longest_pause_seconds: float = 0.0
    latency_p50_ms: float = 0.0
    faults: list[FaultRecord] = field(default_factory=list)
    workers_gave_up: int = 0
    workers_crashed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    offenders: list[str] = field(default_factory=list)  # where, and when its outcomes came

    @property
    def exactly_once(self) -> bool:
        return self.lost == self.duplicated == self.pending == 0

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "exactly_once": self.exactly_once}


def chaos_settings(cluster: JvmCluster, models_dir: Path) -> Settings:
    tag = uuid.uuid4().hex[:8]
    return Settings(
        bootstrap_servers=cluster.bootstrap_servers,
        input_topic=f"in-{tag}",
        output_topic=f"out-{tag}",
        dead_letter_topic=f"dead-{tag}",
        group_id=f"chaos-{tag}",
        models_dir=models_dir,
        topic_partitions=6,
        topic_replication_factor=3,
        session_timeout_ms=6000,
        give_up_seconds=180,
        connect_timeout_seconds=90,
    )


async def run_chaos(
    cluster: JvmCluster,
    proxy_ports: Sequence[int],
    models_dir: Path,
    log_dir: Path,
    options: ChaosOptions,
    say: Callable[[str], None],
) -> ChaosReport:
    """Run it; the report says what happened, the caller judges."""
    settings = chaos_settings(cluster, models_dir)
    await ensure_topics(settings)
    generator = random.Random(options.seed)
    report = ChaosReport(options.seed)
    proxied = ",".join(f"127.0.0.1:{port}" for port in proxy_ports)
    fleet = Fleet(settings, log_dir, proxied)
    if options.broken is not None:
        fleet.module = "tests.chaos.broken_worker"
        fleet.extra_environment[broken_worker.VARIABLE] = options.broken
    started = time.time()
    async with contextlib.AsyncExitStack() as stack:
        proxies = [
            await stack.enter_async_context(Proxy(port, cluster.proxied_backend(number)))
            for number, port in enumerate(proxy_ports, 1)
        ]
        stack.push_async_callback(fleet.stop)
        await fleet.start(proxied=True)
        for _ in range(2):
            await fleet.start()
        feed = Feed(settings, list(LEVELS), options.rate)
        feeding = asyncio.create_task(feed.run())
        scene = Scene(cluster, fleet, proxies, generator, options.no_broker_seconds, report.notes)
        for member in list(fleet.members):
            await member.until_assigned()
        for kind in _order(options, generator):
            record = FaultRecord(kind, time.time())
            say(f"{time.time() - started:6.0f} s  {kind}")
            await FAULTS[kind](scene)
            record.seconds = time.time() - record.started
            report.faults.append(record)
            await asyncio.sleep(generator.uniform(*options.calm_seconds))
        feed.stop()
        await feeding
        counted = await settled(settings)
    report.seconds = time.time() - started
    report.published, report.scored, report.dead_lettered = (
        counted.published, counted.scored, counted.dead_lettered,
    )  # fmt: skip
    report.lost, report.duplicated = len(counted.lost), len(counted.duplicated)
    report.pending = len(counted.pending)
    report.workers_gave_up, report.workers_crashed = fleet.gave_up, fleet.crashed
    outcomes = await _measure(settings, report)
    report.offenders = _offenders(counted, outcomes, started)
    return report


def _order(options: ChaosOptions, generator: random.Random) -> list[str]:
    order: list[str] = []
    for _ in range(options.rounds):
        kinds = list(options.faults)
        generator.shuffle(kinds)
        order += kinds
    return order


async def _measure(settings: Settings, report: ChaosReport) -> dict[Place, list[float]]:
    """Pauses and latencies, from the records' own timestamps; returns when each input's outcomes came."""
    published: dict[Place, int] = {}
    async for record in read_topic(settings, settings.input_topic, from_beginning=True, follow=False):
        published[record.partition, record.offset] = record.timestamp
    sent, came = [], []
    outcomes: dict[Place, list[float]] = defaultdict(list)
    async for record in read_topic(settings, settings.output_topic, from_beginning=True, follow=False):
        source = wire.decode_prediction(record.value or b"").source
        sent.append(published[source.partition, source.offset])
        came.append(record.timestamp)
        outcomes[source.partition, source.offset].append(record.timestamp / 1000)
    sent_at, came_at = np.array(sent) / 1000, np.array(came) / 1000
    latency = came_at - sent_at
    report.latency_p50_ms = float(np.median(latency) * 1000)
    report.longest_pause_seconds = float(np.diff(np.sort(came_at)).max())
    ends = [record.started for record in report.faults[1:]] + [float("inf")]
    for fault, end in zip(report.faults, ends, strict=True):
        during = latency[(sent_at >= fault.started - 1) & (sent_at < end)]
        fault.recovery_seconds = float(during.max()) if during.size else 0.0
    return outcomes


def _offenders(counted: Audit, outcomes: Mapping[Place, Sequence[float]], started: float) -> list[str]:
    """One line for each unbroken run of offsets: what is wrong, where, and the seconds its first outcomes came."""
    lines = []
    for part in counted.partitions:
        for what, offsets in (
            ("lost", part.lost),
            ("pending", part.pending),
            ("duplicated", part.duplicated),
        ):
            for first, last in ranges(offsets):
                came = [f"{at - started:.1f} s" for at in outcomes.get((part.partition, first), ())]
                when = f"; came at {', '.join(came)}" if came else ""
                lines.append(f"{what}: partition {part.partition}, offsets {first} to {last}{when}")
    return lines
