from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from aiokafka import TopicPartition

from consumer.publishing import Outgoing, Progress
from consumer.transactions import PartitionTransactions
from consumer.worker import Worker
from ratecast.contract.messages import Prediction
from ratecast.errors import FencedError, ModelFailingError
from ratecast.kafka.audit import audit
from ratecast.kafka.client import KafkaConnectionError
from ratecast.kafka.topics import ensure_topics
from ratecast.scoring.scorer import Scorer
from tests.integration.test_worker import history
from tests.integration.workers import publish, read, running_worker, until


async def test_at_least_once_scores_everything_and_commits_through_the_group(settings) -> None:
    settings = settings.model_copy(update={"guarantee": "at-least-once"})
    messages = [history(number, pair) for number in range(100) for pair in ("EUR/GBP", "EUR/USD")]
    async with running_worker(settings):
        await publish(settings, messages[:100])
        await read(settings, settings.output_topic, 100)
    async with running_worker(settings):
        await publish(settings, messages[100:])
        records = await read(settings, settings.output_topic, 200)
    # Stopped in order, even this guarantee repeats nothing.
    identifiers = Counter(Prediction.model_validate_json(record.value).message_id for record in records)
    assert set(identifiers.values()) == {1}
    assert len(identifiers) == 200


async def test_a_predecessor_is_fenced_and_its_open_transaction_is_never_seen(settings) -> None:
    await ensure_topics(settings)
    source = TopicPartition(settings.input_topic, 0)
    old, new = PartitionTransactions(settings, source), PartitionTransactions(settings, source)

    async def nothing() -> None:
        pass

    def outgoing(value: bytes) -> list[Outgoing]:
        return [Outgoing(settings.output_topic, 0, [(b"k", value, [])])]

    await old.start()
    try:
        await old.publish(outgoing(b"first"), Progress(1, ""), nothing)
        await old._producer.begin_transaction()
        batch = old._producer.create_batch()
        batch.append(key=b"k", value=b"left open", timestamp=None, headers=[])
        await (await old._producer.send_batch(batch, settings.output_topic, partition=0))
        await new.start()
        await new.publish(outgoing(b"second"), Progress(2, ""), nothing)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever the broker answers first
            await old._producer.commit_transaction()
        assert "epoch" in repr(caught.value).lower() or "fenced" in repr(caught.value).lower()
        with pytest.raises(FencedError):
            third = PartitionTransactions(settings, source)
            await third.start()
            try:
                await new.publish(outgoing(b"zombie"), Progress(3, ""), nothing)
            finally:
                await third.stop()
    finally:
        await old.stop()
        await new.stop()
    records = await read(settings, settings.output_topic, 2)
    assert [record.value for record in records] == [b"first", b"second"]


async def test_a_fenced_partition_says_so_and_is_taken_again_when_it_is_still_ours(settings, caplog) -> None:
    settings = settings.model_copy(update={"session_timeout_ms": 6000})
    async with running_worker(settings) as worker:
        await publish(settings, [history(1)])
        await read(settings, settings.output_topic, 1)
        intruders = [
            PartitionTransactions(settings, TopicPartition(settings.input_topic, number))
            for number in range(4)
        ]
        for intruder in intruders:
            await intruder.start()
            await intruder.stop()
        await publish(settings, [history(2)])
        await until(lambda: "another worker fenced this one" in caplog.text)
        await read(settings, settings.output_topic, 2)
        assert worker.readiness()["ready"]
    counted = await audit(settings)
    assert (counted.published, counted.scored, counted.exactly_once) == (2, 2, True)


async def test_one_failing_partition_does_not_hold_up_the_others(settings, monkeypatch) -> None:
    publish_in_transaction = PartitionTransactions.publish

    async def failing(self: PartitionTransactions, *what: Any) -> None:
        if self._source.partition == 0 and not mended.is_set():
            raise KafkaConnectionError("on purpose")
        await publish_in_transaction(self, *what)

    mended = asyncio.Event()
    monkeypatch.setattr(PartitionTransactions, "publish", failing)
    async with running_worker(settings):
        for partition in range(4):
            await publish(settings, [history(partition)], partition=partition)
        records = await read(settings, settings.output_topic, 3)
        assert sorted(record.partition for record in records) == [1, 2, 3]
        mended.set()
        await read(settings, settings.output_topic, 4)
    assert (await audit(settings)).exactly_once


async def test_a_batch_that_is_aborted_and_scored_again_counts_once(settings, monkeypatch) -> None:
    publish_in_transaction, failures = PartitionTransactions.publish, []

    async def failing(self: PartitionTransactions, *what: Any) -> None:
        if len(failures) < 3:
            failures.append("once")
            raise KafkaConnectionError("on purpose")
        await publish_in_transaction(self, *what)

    monkeypatch.setattr(PartitionTransactions, "publish", failing)
    await ensure_topics(settings)
    await publish(settings, [history(number) for number in range(10)], partition=0)
    async with running_worker(settings) as worker:
        await read(settings, settings.output_topic, 10)
        families = {family.name: family for family in worker.http._registry.collect()}
    scored = sum(s.value for s in families["prediction_requests"].samples if s.name.endswith("_total"))
    assert scored == 10
    outcomes = {
        s.labels["outcome"]: s.value for s in families["transactions"].samples if "outcome" in s.labels
    }
    assert outcomes["aborted"] >= 3
    assert len(failures) == 3


async def test_what_failed_before_a_quiet_time_counts_no_longer(settings, monkeypatch) -> None:
    """Failures add up until a worker gives up; one at its start and one a day later must not."""
    publish_in_transaction, fail = PartitionTransactions.publish, asyncio.Event()
    start, failed = PartitionTransactions.start, []

    async def failing_start(self: PartitionTransactions) -> None:
        if self._source.partition == 0 and not failed:
            failed.append("start")
            raise KafkaConnectionError("on purpose")
        await start(self)

    async def failing(self: PartitionTransactions, *what: Any) -> None:
        if fail.is_set():
            fail.clear()
            raise KafkaConnectionError("on purpose")
        await publish_in_transaction(self, *what)

    monkeypatch.setattr(PartitionTransactions, "start", failing_start)
    monkeypatch.setattr(PartitionTransactions, "publish", failing)
    async with running_worker(settings.model_copy(update={"give_up_seconds": 1.0})) as worker:
        pipelines = [pipeline for pipeline, _ in worker._pipelines.values() if pipeline.source.partition == 0]
        await until(lambda: failed and pipelines[0].recovery._since is None)
        fail.set()
        await publish(settings, [history(1)], partition=0)
        await read(settings, settings.output_topic, 1)
    assert (await audit(settings)).exactly_once


async def test_headers_larger_than_a_topic_takes_stop_no_partition(settings) -> None:
    key, value, _ = history(1)
    async with running_worker(settings):
        await publish(settings, [(key, value, [("h", b"x" * 1_200_000)]), history(2)], partition=0)
        letters = await read(settings, settings.dead_letter_topic, 1)
        await read(settings, settings.output_topic, 1)
    assert dict(letters[0].headers)["ratecast.error.code"] == b"too_large"
    assert (await audit(settings)).exactly_once


async def test_a_partition_that_fails_for_too_long_ends_the_worker(settings, monkeypatch) -> None:
    async def failing(self: PartitionTransactions, *what: Any) -> None:
        raise KafkaConnectionError("on purpose")

    monkeypatch.setattr(PartitionTransactions, "publish", failing)
    worker = Worker(settings.model_copy(update={"give_up_seconds": 0.5}))
    task = asyncio.create_task(worker.run())
    await until(lambda: worker.readiness()["ready"])
    await publish(settings, [history(1)])
    with pytest.raises(Exception, match=r"failed for 0\.5 s, last: .*on purpose"):
        await asyncio.wait_for(task, 30)


@pytest.mark.parametrize("method", ["start", "publish"])
async def test_a_cancellation_let_out_by_the_client_does_not_end_a_pipeline(
    settings, monkeypatch, method
) -> None:
    """aiokafka does that when brokers vanish; the partition then had no reader until the next rebalance."""
    original, raised = getattr(PartitionTransactions, method), set()

    async def leaking(self: PartitionTransactions, *args: object) -> None:
        if self._source not in raised:
            raised.add(self._source)
            raise asyncio.CancelledError
        await original(self, *args)

    monkeypatch.setattr(PartitionTransactions, method, leaking)
    async with running_worker(settings):
        for partition in range(4):
            await publish(settings, [history(partition)], partition=partition)
        await read(settings, settings.output_topic, 4)
    assert len(raised) == 4
    assert (await audit(settings)).exactly_once


async def test_a_pipeline_that_ends_unasked_ends_the_worker(settings) -> None:
    worker = Worker(settings)
    task = asyncio.create_task(worker.run())
    await until(lambda: worker.readiness()["ready"])
    _, pipeline = next(iter(worker._pipelines.values()))
    pipeline.cancel()
    with pytest.raises(Exception, match="stopped unexpectedly"):
        await asyncio.wait_for(task, 30)


async def test_heartbeats_go_on_while_a_large_batch_is_scored(settings, monkeypatch) -> None:
    """A batch of the greatest size takes far less than a session; no rebalance may come of it."""
    settings = settings.model_copy(update={"session_timeout_ms": 6000, "max_poll_records": 6_000})
    await ensure_topics(settings)
    await publish(settings, [history(number) for number in range(6_000)])
    async with running_worker(settings) as worker:
        await read(settings, settings.output_topic, 6_000)
        assert worker.metrics.rebalances._value.get() == 1


def poisoned(*bad: str) -> Any:
    """Scoring that raises on some messages, as no check foresaw."""
    score_parts = Scorer.score_parts

    def raising(self: Scorer, parts: Any, *rest: Any) -> Any:
        if any(json.loads(record.value)["message_id"] in bad for part in parts for record in part):
            raise ZeroDivisionError("invented")
        return score_parts(self, parts, *rest)

    return raising


async def test_a_message_on_which_scoring_raises_is_a_dead_letter_and_the_others_are_scored(
    settings, monkeypatch
) -> None:
    monkeypatch.setattr(Scorer, "score_parts", poisoned("EUR/GBP#7", "EUR/GBP#30"))
    await ensure_topics(settings)
    await publish(settings, [history(number) for number in range(40)], partition=0)
    async with running_worker(settings) as worker:
        letters = await read(settings, settings.dead_letter_topic, 2)
        await read(settings, settings.output_topic, 38)
        registry = worker.http._registry
        assert registry.get_sample_value("scoring_errors_total") == 2
    assert {dict(letter.headers)["ratecast.error.message"] for letter in letters} == {
        b"ZeroDivisionError: invented"
    }
    assert (await audit(settings)).exactly_once


async def test_a_model_that_fails_for_every_message_ends_the_worker_and_nothing_is_committed(
    settings, monkeypatch
) -> None:
    monkeypatch.setattr(Scorer, "score_parts", poisoned(*(f"EUR/GBP#{number}" for number in range(40))))
    await ensure_topics(settings)
    await publish(settings, [history(number) for number in range(40)], partition=0)
    with pytest.raises(ModelFailingError, match="20 records in a row"):
        await asyncio.wait_for(Worker(settings).run(), 30)
    found = await audit(settings)
    assert (len(found.pending), found.dead_lettered, found.scored) == (40, 0, 0)
