"""Finds the dead letters that were already redelivered: each redelivered record names its dead letter in a header."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from ratecast.contract import dead_letter
from ratecast.errors import OperationError
from ratecast.kafka.consumers import open_consumer
from ratecast.kafka.reader import TopicReader
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import existing_partitions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ratecast.settings import Settings

    Place = tuple[int, int]  # partition and offset of a dead letter

_CLOCKS_MS = 3_600_000  # how far the clocks that stamp dead letters and redelivered records may differ


async def redelivered_since(
    settings: Settings, timestamp: int, stop: asyncio.Event, on_progress: Callable[[int], None]
) -> frozenset[Place]:
    """Returns the dead letters of which the input topic holds a redelivered record.

    Records that retention has deleted from the input topic are not found.

    Args:
        settings: the topics.
        timestamp: of the oldest dead letter in question, milliseconds since 1970. A record redelivered from it cannot
            be older, so older records are not read.
        stop: ends the search early, with what was found so far.
        on_progress: called with the number of records of each batch read.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic is missing or cannot be read.
    """
    topic = settings.input_topic
    partitions = await existing_partitions(settings, [topic])
    found: set[Place] = set()
    # Uncommitted records too: an open transaction of another publisher must not hide redelivered records, which are
    # published without a transaction.
    async with open_consumer(settings, committed_only=False) as consumer:
        consumer.assign(partitions)
        try:
            starts = await consumer.offsets_for_times(
                dict.fromkeys(partitions, max(0, timestamp - _CLOCKS_MS))
            )
            ends = await consumer.end_offsets(partitions)
        except KafkaError as error:
            raise OperationError(f"{topic} cannot be read: {in_one_line(error, settings)}") from error
        for partition in partitions:
            start = starts[partition]
            consumer.seek(partition, ends[partition] if start is None else start.offset)
        async with aclosing(TopicReader(consumer, settings, [topic]).batches(follow=False)) as batches:
            async for batch in batches:
                places = (
                    dead_letter.redelivered_from(record.headers, settings.dead_letter_topic)
                    for record in batch
                )
                found.update(place for place in places if place is not None)
                on_progress(len(batch))
                if stop.is_set():
                    break
    return frozenset(found)
