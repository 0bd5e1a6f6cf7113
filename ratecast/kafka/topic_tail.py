"""Reads topics from their newest records on, or from where an earlier reader of this process stopped."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from ratecast.errors import OperationError
from ratecast.kafka.consumers import open_consumer
from ratecast.kafka.reader import TopicReader
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import existing_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from aiokafka import TopicPartition

    from ratecast.settings import Settings

Place = tuple[str, int]  # topic, partition


@asynccontextmanager
async def open_tail(
    settings: Settings, topics: Collection[str], newest: int, positions: Mapping[Place, int]
) -> AsyncIterator[TopicReader]:
    """Opens a reader of existing topics, and closes it on exit.

    Args:
        settings: the brokers and limits.
        topics: the topics.
        newest: how many offsets before the end of each partition to begin. Transaction markers count.
        positions: where to begin instead, by topic and partition, if that offset still exists.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist, or its offsets cannot be read.
    """
    partitions = await existing_partitions(settings, topics)
    async with open_consumer(settings) as consumer:
        consumer.assign(partitions)
        try:
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        except KafkaError as error:
            raise OperationError(
                f"the offsets of {', '.join(topics)} cannot be read: {in_one_line(error, settings)}"
            ) from error
        for partition in partitions:
            first, end = beginnings[partition], ends[partition]
            consumer.seek(partition, _start(partition, positions, first, end, newest))
        yield TopicReader(consumer, settings, topics)


def _start(
    partition: TopicPartition, positions: Mapping[Place, int], first: int, end: int, newest: int
) -> int:
    """Returns the offset to begin with; a position beyond the end shows that the topic was created again."""
    earlier = positions.get((partition.topic, partition.partition))
    if earlier is not None and first <= earlier <= end:
        return earlier
    return max(first, end - newest)
