"""What is committed: the workers' offsets, and whether transactions that are still open hide something."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from ratecast.contract import commit_note
from ratecast.contract.commit_note import Committed
from ratecast.errors import OperationError
from ratecast.kafka import topic_ids
from ratecast.kafka.client import admin, client_options, started, wire_client
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.reader import existing_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_ABORT_ALLOWANCE_SECONDS = 20.0  # brokers look for expired transactions every ten seconds


async def committed_offsets(settings: Settings) -> dict[int, Committed]:
    """The workers' committed offset of each partition of the input topic that has one, and the note beside it.

    Not asked for as a stable one, as `consumer.offsets` does: workers at work always have transactions open. An
    older offset, just after a coordinator died, only calls an input pending that was passed already.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the group's coordinator did not tell.
    """
    async with admin(settings) as client:
        try:
            # A cluster just started makes its coordinators when the first one asks.
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and error.retriable),
                stop=stop_after_delay(settings.connect_timeout_seconds),
                wait=wait_random_exponential(multiplier=0.1, max=2),
                reraise=True,
            ):
                with attempt:
                    found = await client.list_consumer_group_offsets(settings.group_id)
        except KafkaError as error:
            raise OperationError(
                f"the committed offsets of group {settings.group_id} cannot be read: {error!r}"
            ) from error
    return {
        place.partition: Committed(committed.offset, commit_note.decode(committed.metadata))
        for place, committed in found.items()
        if place.topic == settings.input_topic and committed.offset >= 0
    }


@dataclass(frozen=True)
class TopicEnds:
    """How far the partitions of a topic reach, by partition.

    Attributes:
        topic_id: the broker's id of the topic; None where it gives none.
        beginnings: offset of the first record.
        stable: offset of the first record that an open transaction hides, or of the next record.
        ends: offset of the next record.
    """

    topic_id: str | None
    beginnings: dict[int, int]
    stable: dict[int, int]
    ends: dict[int, int]


async def topic_ends(settings: Settings, topic: str, count: int) -> TopicEnds:
    """How far a topic of so many partitions reaches now.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist, or the brokers do not tell.
    """
    partitions = [TopicPartition(topic, number) for number in range(count)]
    try:
        async with wire_client(settings) as client:
            identity = await topic_ids.topic_id(client, client.get_random_node(), topic)
        async with _consumer(settings, "read_committed") as consumer:
            stable = await consumer.end_offsets(partitions)
        async with _consumer(settings, "read_uncommitted") as consumer:
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
    except KafkaError as error:
        raise OperationError(f"the ends of {topic} cannot be read: {error!r}") from error
    by_number = (
        {place.partition: offset for place, offset in found.items()} for found in (beginnings, stable, ends)
    )
    return TopicEnds(identity, *by_number)


async def all_decided(settings: Settings, topics: Collection[str]) -> None:
    """Wait until every transaction that has written to these topics so far is committed or aborted.

    Only then is a committed record sure to be seen: readers of committed records are held back by the first
    record of an open transaction, whoever's it is.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: one stays open longer than brokers let it, or the brokers do not tell.
    """
    counts = await existing_partitions(settings, topics)
    partitions = [TopicPartition(topic, number) for topic in counts for number in range(counts[topic])]
    limit = settings.transaction_timeout_ms / 1000 + _ABORT_ALLOWANCE_SECONDS
    try:
        async with _consumer(settings, "read_uncommitted") as consumer:
            written = await consumer.end_offsets(partitions)
        async with _consumer(settings, "read_committed") as consumer:
            await _until_decided(consumer, written, limit)
    except KafkaError as error:
        raise OperationError(f"the ends of {', '.join(topics)} cannot be read: {error!r}") from error


async def _until_decided(consumer: Any, written: dict[TopicPartition, int], limit_seconds: float) -> None:
    clock = asyncio.get_running_loop()
    deadline = clock.time() + limit_seconds
    while True:
        decided = await consumer.end_offsets(list(written))
        held_back = [partition for partition in written if decided[partition] < written[partition]]
        if not held_back:
            return
        first = held_back[0]
        place = f"{first.topic}-{first.partition}@{decided[first]}"
        if clock.time() >= deadline:
            raise OperationError(f"a transaction at {place} has stayed open for {limit_seconds:.0f} s")
        log.info("a transaction is open at %s: waiting for its end", place)
        await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def _consumer(settings: Settings, isolation_level: str) -> AsyncIterator[Any]:
    """A consumer that reads nothing, only asks for the ends as its isolation level sees them."""
    consumer = await started(
        lambda: AIOKafkaConsumer(**client_options(settings), isolation_level=isolation_level),
        stop_consumer,
        settings,
    )
    try:
        yield consumer
    finally:
        await stop_consumer(consumer)
