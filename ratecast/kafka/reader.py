"""Reads topics without a consumer group: from the beginning or the end, to the present end or without end.

Records of open and aborted transactions are never returned.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.errors import OperationError
from ratecast.kafka.broker_watch import BrokerWatch
from ratecast.kafka.consumers import open_consumer
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import existing_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection

    from aiokafka import TopicPartition

    from ratecast.contract.record import Record
    from ratecast.settings import Settings

_POLL_TIMEOUT_MS = 1000
_END_POLL_TIMEOUT_MS = 100  # only a transaction marker may be left to read, and a marker does not end a poll


class TopicReader:
    """Reads the partitions assigned to a consumer; usually made by `open_reader`.

    Args:
        consumer: a started AIOKafkaConsumer with partitions assigned and positioned.
        settings: limits.
        topics: the topics of these partitions.
    """

    def __init__(self, consumer: Any, settings: Settings, topics: Collection[str]) -> None:
        self._consumer = consumer
        self._settings = settings
        self._topics = set(topics)
        self._broker = BrokerWatch(settings, consumer)

    @property
    def reachable(self) -> bool:
        """Whether a broker has answered recently."""
        return self._broker.reachable

    async def batches(
        self, *, follow: bool, ends: dict[TopicPartition, int] | None = None
    ) -> AsyncGenerator[list[Record], None]:
        """Yields records as they arrive, in order within each partition.

        Args:
            follow: read on without end. Otherwise stop at the present ends of the partitions, where a later call
                continues.
            ends: where to stop instead of at the present ends: an offset for each partition, not beyond its end.

        Raises:
            BrokerUnavailableError: no broker answered for ``give_up_seconds``.
            OperationError: a topic cannot be read or was deleted.
        """
        if not follow and ends is None:
            ends = await self._consumer.end_offsets(self._consumer.assignment())
        timeout_ms = _POLL_TIMEOUT_MS if follow else _END_POLL_TIMEOUT_MS
        while ends is None or not await self._reached(ends):
            try:
                polled = await self._consumer.getmany(timeout_ms=timeout_ms)
            except KafkaError as error:
                reason = in_one_line(error, self._settings)
                raise OperationError(f"{', '.join(sorted(self._topics))} cannot be read: {reason}") from error
            records = [
                record
                for partition, batch in polled.items()
                for record in batch
                if ends is None or record.offset < ends[partition]
            ]
            if records:
                self._broker.seen()
                yield records
            else:
                await self._check_broker()
        await self._return_to(ends)

    async def _return_to(self, ends: dict[TopicPartition, int]) -> None:
        """Move positions back to the ends, because records beyond them were polled but not returned."""
        for partition, end in ends.items():
            if await self._consumer.position(partition) > end:
                self._consumer.seek(partition, end)

    async def _reached(self, ends: dict[TopicPartition, int]) -> bool:
        """Returns whether the position of each partition is at its end.

        The offset of the last record does not show this: transaction markers and aborted records may follow it.
        """
        for partition, end in list(ends.items()):
            if await self._consumer.position(partition) < end:
                return False
        return True

    async def _check_broker(self) -> None:
        """When no record arrives, check that a broker answers and that the topics still exist."""
        if not self._broker.is_due:
            return
        topics = await self._broker.check()
        if topics is not None and (gone := self._topics - topics):
            raise OperationError(f"topic {', '.join(sorted(gone))} was deleted")


@asynccontextmanager
async def open_reader(
    settings: Settings, topics: Collection[str], *, from_beginning: bool
) -> AsyncIterator[TopicReader]:
    """Opens a reader of existing topics at their beginning or end, and closes it on exit.

    A reader at the end returns every record that arrives after it was opened.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist.
    """
    partitions = await existing_partitions(settings, topics)
    async with open_consumer(settings) as consumer:
        consumer.assign(partitions)
        if not from_beginning:
            await consumer.seek_to_end(*partitions)
        yield TopicReader(consumer, settings, topics)


async def read_topic(
    settings: Settings, topic: str, *, from_beginning: bool, follow: bool
) -> AsyncGenerator[Record, None]:
    """Yields the committed records of one topic, in order within each partition.

    To stop early, use it inside ``contextlib.aclosing``, which closes its client at once.

    Args:
        settings: the brokers and limits.
        topic: an existing topic.
        from_beginning: start with the oldest record. Otherwise start with the next one to arrive.
        follow: read on without end. Otherwise stop at the end that the topic has at the start.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist or cannot be read.
    """
    async with (
        open_reader(settings, [topic], from_beginning=from_beginning) as reader,
        aclosing(reader.batches(follow=follow)) as batches,
    ):
        async for batch in batches:
            for record in batch:
                yield record


async def record_counts(settings: Settings, topics: Collection[str]) -> dict[str, int]:
    """Returns the number of offsets in each existing topic: end minus beginning, transaction markers included.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist, or its offsets cannot be read.
    """
    partitions = await existing_partitions(settings, topics)
    async with open_consumer(settings, committed_only=False) as consumer:
        try:
            ends = await consumer.end_offsets(partitions)
            beginnings = await consumer.beginning_offsets(partitions)
        except KafkaError as error:
            reason = in_one_line(error, settings)
            raise OperationError(f"the offsets of {', '.join(topics)} cannot be read: {reason}") from error
    return {topic: sum(ends[p] - beginnings[p] for p in partitions if p.topic == topic) for topic in topics}
