from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from ratecast.errors import OperationError
from ratecast.kafka.audit import audit
from ratecast.kafka.audit_result import ranges
from ratecast.kafka.client import admin, client_options
from ratecast.kafka.topics import ensure_topics, partition_counts, required_topics
from tests.bad_records import GOOD
from tests.integration.workers import publish, until
from tests.rows import dead_letter, prediction


async def create_topics(settings) -> None:
    """Create them and wait until they can be read: Apache Kafka says "created" a moment earlier."""
    await ensure_topics(settings)
    async with admin(settings) as client:
        async for attempt in AsyncRetrying(stop=stop_after_delay(20), wait=wait_fixed(0.02), reraise=True):
            with attempt:
                assert set(required_topics(settings)) <= set(await partition_counts(client))


@asynccontextmanager
async def outcomes(settings, transactional_id: str | None = None):
    """A producer of what workers would publish."""
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=transactional_id)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(producer, settings, scored=(), dead=(), partition: int = 2) -> None:
    """Predictions and dead letters of these input offsets."""
    for offset in scored:
        value = prediction((settings.input_topic, partition, offset))
        await producer.send_and_wait(settings.output_topic, value, partition=0)
    for offset in dead:
        value, headers = dead_letter((settings.input_topic, partition, offset))
        await producer.send_and_wait(settings.dead_letter_topic, value, headers=headers, partition=0)


async def commit(settings, offset: int, partition: int = 2) -> None:
    """Commit an offset of the workers' group, as a worker does."""
    async with (
        outcomes(settings, f"commit-{settings.input_topic}-{partition}") as producer,
        producer.transaction(),
    ):
        await producer.send_offsets_to_transaction(
            {TopicPartition(settings.input_topic, partition): offset}, settings.group_id
        )


async def test_each_input_is_matched_with_its_outcomes_by_place(settings) -> None:
    """Offset 0 is scored, 1 is a dead letter, 2 is lost, 3 is scored twice, 4 is scored and dead-lettered."""
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])] * 5, partition=2)
    async with outcomes(settings) as producer:
        await write(producer, settings, scored=(0, 3, 3, 4), dead=(1, 4))
    await commit(settings, 5)
    result = await audit(settings)
    assert (result.published, result.scored, result.dead_lettered) == (5, 4, 2)
    assert result.lost == [(2, 2)]
    assert result.duplicated == [(2, 3), (2, 4)]
    assert not result.pending
    assert not result.exactly_once
    part = result.partitions[2]
    assert (part.committed, part.exactly_one, part.unmatched) == (5, 2, 0)
    assert [(other.inputs, other.committed) for other in result.partitions if other is not part] == [
        (0, None)
    ] * 3


async def test_an_input_from_the_committed_offset_on_is_pending_and_not_lost(settings) -> None:
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])] * 6, partition=2)
    never = await audit(settings)
    assert never.pending == [(2, offset) for offset in range(6)]
    assert never.sound
    assert not never.exactly_once
    async with outcomes(settings) as producer:
        await write(producer, settings, scored=(0, 2))
    await commit(settings, 3)
    result = await audit(settings)
    assert (result.lost, result.pending) == ([(2, 1)], [(2, 3), (2, 4), (2, 5)])


async def test_outcomes_of_inputs_that_are_not_there_are_counted_apart(settings) -> None:
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])], partition=2)
    async with outcomes(settings) as producer:
        await write(producer, settings, scored=(0, 17, 2**62), dead=(10_000,))
        await write(producer, settings, scored=(0,), partition=4)
        await write(producer, settings, scored=(0,), dead=(-1,), partition=-1)
        await producer.send_and_wait(settings.output_topic, prediction(("another-topic", 2, 0)))
    await commit(settings, 1)
    result = await audit(settings)
    assert (result.scored, result.dead_lettered, result.unmatched) == (1, 0, 7)
    assert (result.partitions[2].unmatched, result.elsewhere) == (3, 4)
    assert result.exactly_once


async def test_what_is_no_prediction_or_dead_letter_is_counted_as_unreadable(settings) -> None:
    await create_topics(settings)
    async with outcomes(settings) as producer:
        for value in (b"", None, b"\xff", b"{", b"[]", b"[" * 100_000, b'{"source": 1}'):
            await producer.send_and_wait(settings.output_topic, value, key=b"k")
        await producer.send_and_wait(settings.dead_letter_topic, b"of somebody else")
    result = await audit(settings)
    assert (result.unreadable, result.unmatched, result.published) == (8, 0, 0)
    assert result.exactly_once


async def test_more_outcomes_than_a_counter_holds_do_not_come_round_to_one(settings) -> None:
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])], partition=2)
    async with outcomes(settings) as producer:
        value = prediction((settings.input_topic, 2, 0))
        sent = [await producer.send(settings.output_topic, value) for _ in range(257)]
        await asyncio.gather(*sent)
    assert (await audit(settings)).duplicated == [(2, 0)]


async def test_waiting_goes_on_until_nothing_is_pending_and_no_longer(settings) -> None:
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])] * 2, partition=2)
    seen = []
    async with outcomes(settings) as producer:
        auditing = asyncio.create_task(audit(settings, wait_seconds=60, on_progress=seen.append))
        await until(lambda: seen)
        assert seen == [2]
        await write(producer, settings, scored=(0,), dead=(1,))
        await commit(settings, 2)
        result = await auditing
    assert result.exactly_once
    assert result.published == 2
    assert seen[-1] == 4, "what was read once is not read again"


async def test_an_outcome_committed_behind_an_open_transaction_is_not_lost(settings, caplog) -> None:
    """Readers of committed records do not see past an open transaction, another worker's as a rule."""
    caplog.set_level(logging.INFO, "ratecast.kafka.committed")
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])], partition=2)
    tag = settings.input_topic
    async with outcomes(settings, f"open-{tag}") as other, outcomes(settings, f"own-{tag}") as own:
        await other.begin_transaction()
        await write(other, settings, scored=(0,), partition=1)
        async with own.transaction():
            await write(own, settings, scored=(0,))
            await own.send_offsets_to_transaction(
                {TopicPartition(settings.input_topic, 2): 1}, settings.group_id
            )
        auditing = asyncio.create_task(audit(settings))
        await until(lambda: auditing.done() or "waiting for the open transaction" in caplog.text)
        await other.abort_transaction()
        result = await auditing
    assert (result.lost, result.scored, result.unmatched) == ([], 1, 0)


async def test_a_missing_topic_is_one_clear_error(settings) -> None:
    with pytest.raises(OperationError, match="ratecast topics"):
        await audit(settings)


def test_offsets_become_runs() -> None:
    assert ranges(np.zeros(0, dtype=np.int64)) == []
    assert ranges(np.array([7])) == [(7, 7)]
    assert ranges(np.array([0, 1, 3, 5, 6])) == [(0, 1), (3, 3), (5, 6)]
