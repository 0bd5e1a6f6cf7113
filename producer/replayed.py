"""Which dead letters lie on the input topic again: each replayed record names the one it was made from."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ratecast.contract import dead_letter
from ratecast.errors import OperationError
from ratecast.kafka import tolerant_records
from ratecast.kafka.client import client_options, started
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.reader import TopicReader, existing_partitions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ratecast.settings import Settings

    Place = tuple[int, int]  # partition and offset of a letter on the dead-letter topic

_CLOCKS_MS = 3_600_000  # replays are stamped by another machine's clock than the letters


async def replayed_since(
    settings: Settings, timestamp: int, stop: asyncio.Event, on_progress: Callable[[int], None]
) -> set[Place]:
    """The letters that the input topic holds a replayed record of.

    What its retention has deleted is not known.

    Args:
        settings: the topics.
        timestamp: of the oldest letter in question, ms since 1970; its replay cannot be older, so only what came
            after is read.
        stop: ends it early, with what was found by then.
        on_progress: called with the number of records of each batch read.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic is missing or cannot be read.
    """
    topic = settings.input_topic
    count = (await existing_partitions(settings, [topic]))[topic]
    tolerant_records.install()
    consumer = await started(
        lambda: AIOKafkaConsumer(
            **client_options(settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # A feed's open transaction must not hide replayed records, which are published without any.
            isolation_level="read_uncommitted",
            max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
        ),
        stop_consumer,
        settings,
    )
    found: set[Place] = set()
    try:
        partitions = [TopicPartition(topic, number) for number in range(count)]
        consumer.assign(partitions)
        try:
            starts = await consumer.offsets_for_times(
                dict.fromkeys(partitions, max(0, timestamp - _CLOCKS_MS))
            )
            ends = await consumer.end_offsets(partitions)
        except KafkaError as error:
            raise OperationError(f"{topic} cannot be read: {error}") from error
        for partition in partitions:
            start = starts[partition]
            consumer.seek(partition, ends[partition] if start is None else start.offset)
        async with aclosing(TopicReader(consumer, settings, [topic]).batches(follow=False)) as batches:
            async for batch in batches:
                letters = (
                    dead_letter.replayed_from(record.headers, settings.dead_letter_topic) for record in batch
                )
                found.update(letter for letter in letters if letter is not None)
                on_progress(len(batch))
                if stop.is_set():
                    break
    finally:
        await stop_consumer(consumer)
    return found
