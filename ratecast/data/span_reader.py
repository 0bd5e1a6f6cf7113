"""Reads a span of a topic: committed records only, up to ends that are known at the start, a bounded number at a time."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.errors import OperationError, UsageError
from ratecast.kafka.consumers import open_consumer
from ratecast.kafka.reader import TopicReader
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import existing_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping

    from aiokafka import TopicPartition

    from ratecast.contract.record import Record
    from ratecast.data.time_span import Span
    from ratecast.settings import Settings


@dataclass(frozen=True)
class Step:
    """Records that were read at once.

    Attributes:
        records: those in the span of time; perhaps none.
        positions: for each partition, the offset up to which everything has been read by now.
    """

    records: list[Record]
    positions: dict[int, int]


class SpanReader:
    """Reads a span of one topic; made by `open_span`.

    Args:
        reader: reads the partitions, which are positioned at the beginning of the span.
        consumer: the consumer of that reader.
        span: what to read.
        starts: the first offset to read of each partition.
        ends: the offset after the last one.
        beginnings: the first offset that each partition still has.
    """

    def __init__(
        self,
        reader: TopicReader,
        consumer: Any,
        span: Span,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        beginnings: Mapping[TopicPartition, int],
    ) -> None:
        self._reader = reader
        self._consumer = consumer
        self._span = span
        self._ends = dict(ends)
        self.starts = _by_number(starts)
        self.ends = _by_number(ends)
        self.beginnings = _by_number(beginnings)

    @property
    def total(self) -> int:
        """How many offsets there are to read; transaction markers count."""
        return sum(max(0, end - self.starts[number]) for number, end in self.ends.items())

    def read(self, positions: Mapping[int, int]) -> int:
        """Return how many of these offsets have been read."""
        return sum(position - self.starts[number] for number, position in positions.items())

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Yield the records of the span. The last step has the ends as positions, and perhaps no records.

        Raises:
            BrokerUnavailableError: no broker answered for ``give_up_seconds``.
            OperationError: the topic cannot be read or was deleted.
        """
        async with aclosing(self._reader.batches(follow=False, ends=self._ends)) as batches:
            async for batch in batches:
                inside = [record for record in batch if self._span.contains(record.timestamp)]
                yield Step(inside, await self._positions())
        yield Step([], {number: max(end, self.starts[number]) for number, end in self.ends.items()})

    async def _positions(self) -> dict[int, int]:
        positions = {}
        for place, end in self._ends.items():
            start = self.starts[place.partition]
            positions[place.partition] = max(start, min(end, await self._consumer.position(place)))
        return positions


@asynccontextmanager
async def open_span(settings: Settings, topic: str, span: Span) -> AsyncIterator[SpanReader]:
    """Open a reader of a span of an existing topic, and close it on exit. It joins no consumer group.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist, or its offsets cannot be read.
        UsageError: the span names a partition that the topic does not have.
    """
    partitions = await existing_partitions(settings, [topic])
    _check_partitions(topic, {place.partition for place in partitions}, span)
    async with open_consumer(settings) as consumer:
        consumer.assign(partitions)
        try:
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            times = {} if span.since_ms is None else await _found(consumer, ends, span.since_ms)
        except KafkaError as error:
            raise OperationError(
                f"the offsets of {topic} cannot be read: {in_one_line(error, settings)}"
            ) from error
        starts, stops = {}, {}
        for place in partitions:
            first = span.first_offsets.get(place.partition, 0)
            starts[place] = min(ends[place], max(beginnings[place], first, times.get(place, 0)))
            stops[place] = min(ends[place], span.end_offsets.get(place.partition, ends[place]))
            consumer.seek(place, starts[place])
        yield SpanReader(TopicReader(consumer, settings, [topic]), consumer, span, starts, stops, beginnings)


def _check_partitions(topic: str, numbers: Collection[int], span: Span) -> None:
    for name, offsets in (("first_offsets", span.first_offsets), ("end_offsets", span.end_offsets)):
        if unknown := sorted(set(offsets) - set(numbers)):
            raise UsageError(
                f"{name} names partition {unknown[0]}, but {topic} has the partitions 0 to {max(numbers)}"
            )


async def _found(
    consumer: Any, ends: Mapping[TopicPartition, int], since_ms: int
) -> dict[TopicPartition, int]:
    """Return the first offset with this timestamp or a later one; the end of a partition that has none.

    Only where to begin is looked up. Timestamps come from the clocks of several workers, so behind the first record that
    is too late others may follow that are not.
    """
    found = await consumer.offsets_for_times(dict.fromkeys(ends, max(0, since_ms)))
    return {place: end if found[place] is None else found[place].offset for place, end in ends.items()}


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {place.partition: offset for place, offset in offsets.items()}
