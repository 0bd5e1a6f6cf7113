"""Reads the workers' committed offsets, the ends of topics, and whether open transactions hide records."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from ratecast.contract import commit_note
from ratecast.contract.commit_note import Committed
from ratecast.errors import OperationError
from ratecast.kafka import topic_ids
from ratecast.kafka.client import admin, wire_client
from ratecast.kafka.consumers import open_consumer
from ratecast.kafka.rights import Operation, in_one_line, lacks
from ratecast.kafka.topics import existing_partitions

if TYPE_CHECKING:
    from collections.abc import Collection

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_ABORT_ALLOWANCE_SECONDS = 20.0  # brokers look for expired transactions every ten seconds


async def committed_offsets(settings: Settings) -> dict[int, Committed]:
    """Returns the workers' committed offset and its note for each partition of the input topic that has one.

    Unlike `consumer.offsets` this does not ask for stable offsets, because running workers always have transactions
    open. Just after a coordinator died the offset may be older, and an input that was already passed counts as pending.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the offsets cannot be read.
    """
    async with admin(settings) as client:
        try:
            # A new cluster creates its coordinators on the first request, which fails.
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
                f"the committed offsets of group {settings.group_id} cannot be read: {_reason(error, settings)}"
            ) from error
    return {
        place.partition: Committed(committed.offset, commit_note.decode(committed.metadata))
        for place, committed in found.items()
        if place.topic == settings.input_topic and committed.offset >= 0
    }


def _reason(error: KafkaError, settings: Settings) -> str:
    if isinstance(error, GroupAuthorizationFailedError):
        return lacks(settings, Operation.DESCRIBE, "group", settings.group_id)
    return in_one_line(error, settings)


@dataclass(frozen=True)
class TopicEnds:
    """The first and last offsets of a topic's partitions, by partition.

    Attributes:
        topic_id: the broker's id of the topic; None if the broker gives none.
        beginnings: offset of the first record.
        stable: offset of the first record that an open transaction hides, or else of the next record.
        ends: offset of the next record.
    """

    topic_id: str | None
    beginnings: dict[int, int]
    stable: dict[int, int]
    ends: dict[int, int]


async def topic_ends(settings: Settings, topic: str, partitions: int) -> TopicEnds:
    """Returns the present beginnings and ends of a topic.

    Args:
        settings: the brokers and limits.
        topic: an existing topic.
        partitions: its partition count.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist, or its ends cannot be read.
    """
    places = [TopicPartition(topic, number) for number in range(partitions)]
    try:
        async with wire_client(settings) as client:
            topic_id = await topic_ids.topic_id(client, client.get_random_node(), topic)
        async with open_consumer(settings) as consumer:
            stable = await consumer.end_offsets(places)
        async with open_consumer(settings, committed_only=False) as consumer:
            beginnings = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
    except KafkaError as error:
        raise OperationError(f"the ends of {topic} cannot be read: {in_one_line(error, settings)}") from error
    by_number = (
        {place.partition: offset for place, offset in found.items()} for found in (beginnings, stable, ends)
    )
    return TopicEnds(topic_id, *by_number)


async def wait_for_open_transactions(settings: Settings, topics: Collection[str]) -> None:
    """Wait until every transaction that has written to these topics so far is committed or aborted.

    Until then a committed record may be hidden: a reader of committed records stops at the first record of an open
    transaction, whoever opened it.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a transaction stays open longer than brokers allow, or the ends cannot be read.
    """
    partitions = await existing_partitions(settings, topics)
    limit = settings.transaction_timeout_ms / 1000 + _ABORT_ALLOWANCE_SECONDS
    try:
        async with open_consumer(settings, committed_only=False) as consumer:
            written = await consumer.end_offsets(partitions)
        async with open_consumer(settings) as consumer:
            await _wait_for_stable_ends(consumer, written, limit)
    except KafkaError as error:
        reason = in_one_line(error, settings)
        raise OperationError(f"the ends of {', '.join(topics)} cannot be read: {reason}") from error


async def _wait_for_stable_ends(
    consumer: Any, written: dict[TopicPartition, int], limit_seconds: float
) -> None:
    clock = asyncio.get_running_loop()
    deadline = clock.time() + limit_seconds
    while True:
        stable = await consumer.end_offsets(list(written))
        held_back = [partition for partition in written if stable[partition] < written[partition]]
        if not held_back:
            return
        first = held_back[0]
        place = f"{first.topic}-{first.partition}@{stable[first]}"
        if clock.time() >= deadline:
            raise OperationError(f"a transaction at {place} has stayed open for {limit_seconds:.0f} s")
        log.info("waiting for the open transaction at %s to end", place)
        await asyncio.sleep(_POLL_SECONDS)
