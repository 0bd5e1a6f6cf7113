"""The pipeline's loop without a broker: what it publishes, commits and counts, and how it starts over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, MessageSizeTooLargeError
from prometheus_client import CollectorRegistry

from consumer import pipeline as module
from consumer.pipeline import PartitionPipeline
from consumer.pipeline_context import PipelineContext
from consumer.publishing import Outgoing, OutputRejectedError
from consumer.start_position import Start
from monitoring.metrics import WorkerMetrics
from ratecast.contract import commit_note
from ratecast.contract.commit_note import CommitNote
from ratecast.errors import ErrorCode, FencedError, OperationError
from ratecast.scoring.scorer import DeadLetter, ScoredBatch
from ratecast.settings import Settings
from tests.fakes import FakeRecord

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

    def score(self, records, now, topic_id) -> ScoredBatch:
        good = [record for record in records if record.value != b"bad"]
        letters = [
            DeadLetter(record, ErrorCode.INVALID_JSON, "bad") for record in records if record.value == b"bad"
        ]
        values = [record.value for record in good]
        nothing = np.zeros(len(good), dtype=bool)
        return ScoredBatch(good, ["EUR/GBP"] * len(good), values, nothing, {}, [], [], letters)


class Bench:
    """A pipeline among fakes."""

    def __init__(self, *polls, faults=(), **settings) -> None:
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
            scorer=Scorer,
            publisher=self.topics.publisher,
            start_finder=self,
            identity=self.identity,
            limits=self.limits,
            metrics=self.metrics,
            shadow=self,
            rejected=self.refusals.append,
        )
        self.pipeline = PartitionPipeline(SOURCE, context)

    async def find(self, source, output_partition, reached=None) -> Start:
        return Start(self.topics.committed, NOTE)

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


@pytest.fixture(autouse=True)
def _retries_at_once(monkeypatch):
    real = module.Recovery.failed
    monkeypatch.setattr(module.Recovery, "failed", lambda self, error: min(0.001, real(self, error)))


def batch(first: int, *values: bytes) -> list[FakeRecord]:
    return [FakeRecord(value, offset=first + place) for place, value in enumerate(values)]


async def test_a_batch_is_published_with_its_outcomes_and_its_offset_in_one_go():
    bench = Bench(batch(0, b"a", b"bad", b"c"))
    await bench.run_until_committed(3)
    assert bench.topics.published == [("rate-predictions", [b"a", b"c"]), ("rate-dead-letters", [b"bad"])]
    assert commit_note.decode(bench.topics.notes[0]) == NOTE
    assert (bench.topics.started, bench.topics.stopped) == (1, 1)
    assert bench.count("predictions_published_total") == 2
    assert bench.count("dead_letters_total", code="invalid_json") == 1


async def test_a_batch_of_nothing_but_dead_letters_moves_the_offset_too():
    bench = Bench(batch(0, b"bad"), batch(1, b"b"))
    await bench.run_until_committed(2)
    assert [topic for topic, _ in bench.topics.published] == ["rate-dead-letters", "rate-predictions"]


async def test_a_failed_transaction_starts_over_at_the_committed_offset_and_counts_nothing_twice():
    first, second = batch(0, b"a"), batch(1, b"b")
    bench = Bench(first, second, second, faults=[None, KafkaError("coordinator gone")])
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 1]
    assert (bench.topics.started, bench.topics.stopped) == (2, 2)
    assert bench.count("predictions_published_total") == 2
    assert bench.count("transactions_total", outcome="aborted") == 1
    assert bench.count("transactions_total", outcome="committed") == 2


async def test_the_shadow_model_gets_what_was_committed_and_nothing_twice():
    first, second = batch(0, b"a", b"bad"), batch(2, b"c")
    bench = Bench(first, first, second, second, faults=[KafkaError("gone"), None, KafkaError("gone")])
    await bench.run_until_committed(3)
    assert bench.for_the_shadow == [b"a", b"c"]


async def test_a_topic_that_changed_meanwhile_commits_nothing():
    bench = Bench(batch(0, b"a"), batch(0, b"a"))
    bench.identity.fault = KafkaError("made anew")
    await bench.run_until_committed(1)
    assert bench.topics.published == [("rate-predictions", [b"a"])]
    assert bench.topics.started == 2


async def test_a_fenced_pipeline_waits_for_a_session_timeout_before_it_takes_over_again():
    bench = Bench(batch(0, b"a"), batch(0, b"a"), faults=[FencedError("another owner")])
    await bench.run_until(lambda: bench.count("transactions_total", outcome="fenced") == 1)
    assert bench.topics.started == 1
    assert bench.topics.published == []


async def test_cancellations_that_the_client_lets_out_do_not_end_a_pipeline():
    bench = Bench(asyncio.CancelledError(), batch(0, b"a"))
    await bench.run_until_committed(1)
    assert bench.topics.started == 2


async def test_a_cancelled_pipeline_ends_and_releases_its_publisher():
    bench = Bench()
    running = asyncio.create_task(bench.pipeline.run())
    while not bench.topics.started:
        await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.topics.stopped == 1


async def test_failing_for_longer_than_the_limit_ends_the_worker():
    faults = [KafkaError("no coordinator")] * 10_000
    bench = Bench(*[batch(0, b"a")] * 10_000, faults=faults, give_up_seconds=0.05)
    with pytest.raises(OperationError, match=r"failed for 0\.05 s"):
        await bench.run_until(lambda: False)


async def test_an_idle_partition_forgets_its_failures():
    bench = Bench(KafkaError("a broker restarted"))
    bench.consumer.at = 0
    await bench.run_until(lambda: bench.pipeline._recovery._since is None and bench.topics.started == 2)
    assert bench.topics.started == 2


async def test_a_batch_that_a_topic_refuses_as_too_large_goes_out_fitted():
    out = Outgoing("rate-predictions", 0, [])
    refusal = OutputRejectedError(out, MessageSizeTooLargeError())
    whole = batch(0, b"small", b"x" * 200)
    bench = Bench(whole, whole, faults=[refusal])
    await bench.run_until_committed(2)
    assert bench.limits.asked == ["rate-predictions"]
    assert bench.topics.published[0] == ("rate-predictions", [b"small"])
    assert bench.topics.published[1][0] == "rate-dead-letters"
    assert bench.count("dead_letters_total", code="too_large") == 1


async def test_a_batch_with_a_wrong_checksum_blocks_its_partition_and_nothing_else(monkeypatch):
    monkeypatch.setattr(module.tolerant_records, "install", lambda: False)
    bench = Bench(*[CorruptRecordException("crc")] * 5, batch(0, b"a"), give_up_seconds=0.001)
    seen = []

    def blocked_then_done() -> bool:
        seen.append(bench.pipeline.blocked)
        return bench.topics.committed == 1

    await bench.run_until(blocked_then_done)
    assert any("checksum is wrong" in (text or "") for text in seen)
    assert bench.pipeline.blocked is None


async def test_a_batch_that_tolerant_reading_gets_past_is_read_again_from_its_offset(monkeypatch):
    monkeypatch.setattr(module.tolerant_records, "install", lambda: True)
    bench = Bench(ValueError("odd bytes"), batch(0, b"a"))
    await bench.run_until_committed(1)
    assert bench.consumer.sought == [0, 0]
    assert bench.topics.started == 1


async def test_the_next_batch_is_scored_while_the_one_before_is_on_its_way_and_published_after_it():
    bench = Bench(batch(0, b"a"), batch(1, b"b"), batch(2, b"c"))
    bench.consumer.stable = 100
    scored_before_commit = []

    async def until_the_next_is_polled() -> None:
        while len(bench.consumer.polls) == 2:
            await asyncio.sleep(0.001)
        scored_before_commit.append(bench.topics.committed)

    bench.topics.before_commit = until_the_next_is_polled
    await bench.run_until_committed(3)
    assert scored_before_commit == [0, 1, 2]
    assert bench.topics.published == [("rate-predictions", [value]) for value in (b"a", b"b", b"c")]


async def test_what_was_scored_ahead_of_a_failed_transaction_is_dropped_and_read_again():
    first, second = batch(0, b"a"), batch(1, b"b")
    bench = Bench(first, second, first, second, faults=[KafkaError("coordinator gone")])
    bench.consumer.stable = 100
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 0]
    assert bench.topics.published == [("rate-predictions", [b"a"]), ("rate-predictions", [b"b"])]
    assert bench.count("predictions_published_total") == 2


async def test_a_poll_that_fails_does_not_cut_off_the_transaction_on_its_way(monkeypatch):
    monkeypatch.setattr(module.Recovery, "failed", lambda self, error: 0.0)
    bench = Bench(batch(0, b"a"), KafkaError("not a member"), batch(1, b"b"))
    bench.consumer.stable = 100

    async def long_after_the_poll() -> None:
        while len(bench.consumer.polls) == 2:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)

    bench.topics.before_commit = long_after_the_poll
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 1]
    assert bench.count("transactions_total", outcome="aborted") == 0


async def test_records_whose_transaction_is_on_its_way_count_as_lag_though_the_client_is_past_them():
    bench = Bench(batch(0, b"a"))
    bench.consumer.stable, bench.consumer.at = 100, 1
    may_commit, lags = asyncio.Event(), []
    bench.topics.before_commit = may_commit.wait

    async def position(partition) -> int:
        may_commit.set()
        return bench.consumer.at

    def after_empty_polls() -> bool:
        if bench.topics.open:
            lags.append(bench.pipeline.lag().records)
        if len(lags) == 20:
            may_commit.set()
        return bench.topics.committed == 1

    bench.consumer.position = position
    await bench.run_until(after_empty_polls)
    assert lags == [100] * 20


async def test_tolerant_reading_starts_after_what_the_transaction_on_its_way_commits(monkeypatch):
    monkeypatch.setattr(module.tolerant_records, "install", lambda: True)
    bench = Bench(batch(0, b"a"), ValueError("odd bytes"), batch(1, b"b"))
    bench.consumer.stable = 100

    async def a_moment() -> None:
        await asyncio.sleep(0.01)

    bench.topics.before_commit = a_moment
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 1]
    assert bench.topics.started == 1


async def test_a_pipeline_that_is_cut_off_ends_its_transaction_before_it_closes_the_publisher():
    bench = Bench(batch(0, b"a"))
    bench.consumer.stable = 100
    bench.topics.before_commit = asyncio.Event().wait
    running = asyncio.create_task(bench.pipeline.run())
    while not bench.topics.open:
        await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (bench.topics.open, bench.topics.stopped, bench.topics.committed) == (0, 1, 0)
