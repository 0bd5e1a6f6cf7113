"""A partition pipeline among fakes: scripted polls, and topics that remember what was published and committed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from consumer.joint_scoring import JointScoring
from consumer.pipeline import PartitionPipeline
from consumer.pipeline_context import PipelineContext
from consumer.start_position import Start
from monitoring.metrics import WorkerMetrics
from monitoring.tracing import Tracing
from ratecast.contract.commit_note import CommitNote
from ratecast.errors import ErrorCode
from ratecast.scoring.scored_batch import DeadLetter, ScoredBatch
from ratecast.settings import Settings
from tests.fakes import FakeRecord

if TYPE_CHECKING:
    from aiokafka.errors import KafkaError

SOURCE = TopicPartition("rate-histories", 0)
NOTE = CommitNote("topic-id")


class FakeConsumer:
    """Hands over scripted polls, errors included; then waits as the client does while nothing comes."""

    def __init__(self, *polls) -> None:
        self.polls = list(polls)
        self.sought: list[int] = []
        self.at = 0
        self.stable = 0

    async def getmany(self, *partitions, timeout_ms, max_records):
        if not self.polls:
            await asyncio.sleep(0.01)
            return {}
        polled = self.polls.pop(0)
        if isinstance(polled, BaseException):
            raise polled
        return {partitions[0]: polled}

    def seek(self, partition, offset) -> None:
        self.sought.append(offset)

    async def position(self, partition):
        return self.at

    def assignment(self):
        return {SOURCE}

    def last_stable_offset(self, partition):
        return max(self.at, self.stable)

    highwater = last_stable_offset


@dataclass
class FakeTopics:
    """What survives a publisher: the committed offset and the records, and the faults still to come."""

    faults: list = field(default_factory=list)
    published: list[tuple[str, list]] = field(default_factory=list)
    committed: int = 0
    notes: list[str] = field(default_factory=list)
    headers: list[list] = field(default_factory=list)  # of each published record
    started: int = 0
    stopped: int = 0
    open: int = 0

    async def before_commit(self) -> None:
        """Stand in for the brokers' answers."""

    def publisher(self, source):
        return FakePublisher(self)


class FakePublisher:
    def __init__(self, topics: FakeTopics) -> None:
        self.topics = topics

    async def start(self) -> None:
        self.topics.started += 1

    async def partitions(self, topic) -> int:
        return 4

    async def publish(self, outgoing, progress, check) -> None:
        await check()
        self.topics.open += 1
        assert self.topics.open == 1
        try:
            await self.topics.before_commit()
            self._commit(outgoing, progress)
        finally:
            self.topics.open -= 1

    def _commit(self, outgoing, progress) -> None:
        if self.topics.faults and (fault := self.topics.faults.pop(0)) is not None:
            raise fault
        self.topics.published += [(out.topic, [record[1] for record in out.records]) for out in outgoing]
        self.topics.headers += [record[2] for out in outgoing for record in out.records]
        self.topics.committed = progress.next_offset
        self.topics.notes.append(progress.note)

    async def stop(self) -> None:
        self.topics.stopped += 1


class FakeLimits:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def record_bytes(self, topic) -> int | None:
        return 100 if self.asked else None

    async def rejected(self, topic) -> None:
        self.asked.append(topic)


class FakeIdentity:
    def __init__(self) -> None:
        self.fault: KafkaError | None = None

    async def check(self, source, expected) -> None:
        assert expected == NOTE.topic_id
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault


class Scorer:
    """A prediction for each record, its value; `b"bad"` becomes a dead letter."""

    def score_parts(self, parts, now, topic_ids) -> list[ScoredBatch]:
        return [self.score(part, now, name) for part, name in zip(parts, topic_ids, strict=True)]

    def score(self, records, now, topic_id) -> ScoredBatch:
        good = [record for record in records if record.value != b"bad"]
        letters = [
            DeadLetter(record, ErrorCode.INVALID_JSON, "bad") for record in records if record.value == b"bad"
        ]
        values = [record.value for record in good]
        nothing = np.zeros(len(good), dtype=bool)
        pairs = ["EUR/GBP"] * len(good)
        return ScoredBatch(good, pairs, values, nothing, {}, {}, [], [], letters, 0, "v1")


class Bench:
    """A pipeline among fakes."""

    def __init__(self, *polls, faults=(), tracing=None, **settings) -> None:
        self.settings = Settings(**settings)
        self.consumer = FakeConsumer(*polls)
        self.topics = FakeTopics(faults=list(faults))
        self.registry = CollectorRegistry()
        self.metrics = WorkerMetrics(self.registry, list)
        self.limits, self.identity = FakeLimits(), FakeIdentity()
        self.refusals: list[KafkaError] = []
        self.for_the_shadow: list[bytes] = []
        context = PipelineContext(
            settings=self.settings,
            consumer=self.consumer,
            scoring=JointScoring(Scorer),
            publisher=self.topics.publisher,
            start_finder=self,
            identity=self.identity,
            limits=self.limits,
            metrics=self.metrics,
            shadow=self,
            rejected=self.refusals.append,
            tracing=tracing or Tracing(),
        )
        self.pipeline = PartitionPipeline(SOURCE, context)
        self._retry_at_once()

    async def find(self, source, output_partition, reached=None) -> Start:
        return Start(self.topics.committed, NOTE)

    def _retry_at_once(self) -> None:
        recovery = self.pipeline.recovery
        real = recovery.failed
        recovery.failed = lambda error: min(0.001, real(error))

    def committed(self, batch) -> None:
        """Stand in for the shadow's scoring."""
        self.for_the_shadow += batch.values

    def count(self, name: str, **labels) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    async def run_until(self, done) -> None:
        """Run the pipeline until a condition holds, then stop it and wait for its end."""
        running = asyncio.create_task(self.pipeline.run())
        async with asyncio.timeout(10):
            while not done() and not running.done():
                await asyncio.sleep(0.002)
        self.pipeline.stop()
        async with asyncio.timeout(1):
            await running

    async def run_until_committed(self, offset: int) -> None:
        await self.run_until(lambda: self.topics.committed >= offset)


def batch(first: int, *values: bytes) -> list[FakeRecord]:
    return [FakeRecord(value, offset=first + place) for place, value in enumerate(values)]
