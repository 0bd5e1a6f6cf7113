"""Reading topics without a group: from the beginning or the end, live or until the end that was found.

What stands in an open or aborted transaction is never seen.
"""

from __future__ import annotations

import base64
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ratecast.contract import dead_letter
from ratecast.errors import OperationError
from ratecast.kafka import tolerant_records
from ratecast.kafka.broker_watch import BrokerWatch
from ratecast.kafka.client import admin, client_options, started
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.fetching import pace_empty_fetches
from ratecast.kafka.topics import partition_counts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection

    from ratecast.contract.record import Record
    from ratecast.settings import Settings

_POLL_TIMEOUT_MS = 1000
_END_POLL_TIMEOUT_MS = 100  # all that is left may be a transaction's marker, which wakes no poll


async def existing_partitions(settings: Settings, topics: Collection[str]) -> dict[str, int]:
    """The partition count of each topic; nothing is created.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist.
    """
    async with admin(settings) as client:
        counts = await partition_counts(client)
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        raise OperationError(
            f"topic {', '.join(missing)} does not exist at {settings.bootstrap_servers}: "
            "create the topics with `ratecast topics`"
        )
    return {topic: counts[topic] for topic in topics}


class TopicReader:
    """Reads whole topics; made by `open_reader`.

    Args:
        consumer: a started AIOKafkaConsumer with partitions assigned and positioned.
        settings: limits.
        topics: what it reads.
    """

    def __init__(self, consumer: Any, settings: Settings, topics: Collection[str]) -> None:
        self._consumer = consumer
        self._topics = set(topics)
        self._broker = BrokerWatch(settings, consumer)

    async def batches(self, *, follow: bool) -> AsyncGenerator[list[Record], None]:
        """Records as they come, in order within each partition.

        Args:
            follow: go on for ever; else stop at the ends that the partitions have now, where a later call goes
                on.

        Raises:
            BrokerUnavailableError: no broker answered for ``give_up_seconds``.
            OperationError: reading was refused, or a topic was deleted.
        """
        ends = None if follow else await self._consumer.end_offsets(self._consumer.assignment())
        timeout_ms = _POLL_TIMEOUT_MS if follow else _END_POLL_TIMEOUT_MS
        while ends is None or not await self._reached(ends):
            try:
                polled = await self._consumer.getmany(timeout_ms=timeout_ms)
            except KafkaError as error:
                raise OperationError(f"{', '.join(sorted(self._topics))} cannot be read: {error}") from error
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
                await self._watch()
        await self._return_to(ends)

    async def _return_to(self, ends: dict[TopicPartition, int]) -> None:
        """What was polled from beyond the ends was not passed on: the next call must get it."""
        for partition, end in ends.items():
            if await self._consumer.position(partition) > end:
                self._consumer.seek(partition, end)

    async def _reached(self, ends: dict[TopicPartition, int]) -> bool:
        """Whether every partition's position is at its end, past markers and aborted records too.

        The last record's offset would never tell: under read_committed the end lies behind a marker.
        """
        for partition, end in list(ends.items()):
            if await self._consumer.position(partition) < end:
                return False
        return True

    async def _watch(self) -> None:
        """When nothing comes: is there still somebody who could send it?"""
        if not self._broker.is_due:
            return
        topics = await self._broker.check()
        if topics is not None and (gone := self._topics - topics):
            raise OperationError(f"topic {', '.join(sorted(gone))} was deleted")


@asynccontextmanager
async def open_reader(
    settings: Settings, topics: Collection[str], *, from_beginning: bool
) -> AsyncIterator[TopicReader]:
    """A reader of existing topics that stands at their beginning or their end, closed when left.

    Records that arrive after it is open are seen by a reader at the end.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist.
    """
    counts = await existing_partitions(settings, topics)
    partitions = [TopicPartition(topic, number) for topic in counts for number in range(counts[topic])]
    consumer = await _connected_consumer(settings)
    try:
        consumer.assign(partitions)
        if not from_beginning:
            await consumer.seek_to_end(*partitions)
        yield TopicReader(consumer, settings, topics)
    finally:
        await stop_consumer(consumer)


async def _connected_consumer(settings: Settings, isolation_level: str = "read_committed") -> Any:
    tolerant_records.install()
    consumer = await started(
        lambda: AIOKafkaConsumer(
            **client_options(settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=isolation_level,
            max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
        ),
        stop_consumer,
        settings,
    )
    pace_empty_fetches(consumer)
    return consumer


async def read_topic(
    settings: Settings, topic: str, *, from_beginning: bool, follow: bool
) -> AsyncGenerator[Record, None]:
    """The committed records of one topic, in order within each partition.

    Leave it early only inside ``contextlib.aclosing``, which closes its client at once.

    Args:
        settings: the brokers and limits.
        topic: which must exist.
        from_beginning: start with the oldest record, not with the next.
        follow: wait for more at the end, for ever; else stop at the end found at the start.

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
    """How many offsets each existing topic holds, end minus beginning, transactions' markers included.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist or the brokers do not tell.
    """
    counts = await existing_partitions(settings, topics)
    partitions = [TopicPartition(topic, number) for topic in counts for number in range(counts[topic])]
    consumer = await _connected_consumer(settings, "read_uncommitted")
    try:
        ends = await consumer.end_offsets(partitions)
        beginnings = await consumer.beginning_offsets(partitions)
    except KafkaError as error:
        raise OperationError(f"the offsets of {', '.join(topics)} cannot be read: {error}") from error
    finally:
        await stop_consumer(consumer)
    return {topic: sum(ends[p] - beginnings[p] for p in partitions if p.topic == topic) for topic in topics}


def dead_letter_as_json(record: Record) -> dict[str, Any]:
    """A dead letter as a JSON object: why, where from, the raw key and value, the original headers.

    Bytes are text where they are UTF-8, else ``{"base64": "..."}``. A value that was cut to fit its topic has
    its first length beside it, ``truncated_from_bytes``.
    """
    ours = dead_letter.parse(record.headers)
    shown: dict[str, Any] = {
        "code": ours.code,
        "message": ours.message,
        "source": {
            "topic": ours.topic,
            "partition": ours.partition,
            "offset": ours.offset,
            "timestamp": ours.timestamp,
        },
        "key": readable(record.key),
        "value": readable(record.value),
        # A list: Kafka allows a header's name to occur more than once.
        "headers": [[name, readable(value)] for name, value in dead_letter.original(record.headers)],
    }
    if ours.topic_id is not None:
        shown["source"]["topic_id"] = ours.topic_id
    if ours.value_bytes is not None:
        shown["truncated_from_bytes"] = ours.value_bytes
    return shown


def readable(value: bytes | None) -> str | dict[str, str] | None:
    """Bytes for JSON.

    >>> readable(b"EUR/GBP"), readable(bytes([0, 255])), readable(None)
    ('EUR/GBP', {'base64': 'AP8='}, None)
    """
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}
