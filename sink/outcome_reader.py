"""Reads the two topics from given offsets: committed records only, a bounded number at a time, of the expected topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import OffsetOutOfRangeError

from monitoring.lag import LagTracker
from ratecast.errors import StartAgainError
from ratecast.kafka import tolerant_records
from ratecast.kafka.aiokafka_seams import consumer_client
from ratecast.kafka.broker_watch import BrokerWatch
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.consumers import started_consumer
from ratecast.kafka.topic_ids import cluster_and_topic_id
from ratecast.kafka.topics import existing_partitions
from sink.positions import TopicName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import TopicPartition

    from monitoring.lag import PartitionLag
    from ratecast.contract.record import Record
    from ratecast.settings import Settings

_POLL_TIMEOUT_MS = 500
_FETCH_MAX_BYTES = 8 * 2**20  # of one response; the client's own 50 MiB would be held two or three times
_METADATA_MAX_AGE_MS = 30_000  # the longest that new partitions stay unread


class OutcomeReader:
    """A consumer without a group, positioned by its caller. Made by `open_reader`.

    Args:
        settings: the brokers and limits.
        consumer: a started AIOKafkaConsumer.
        partitions: all partitions of the topics.
    """

    def __init__(self, settings: Settings, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        self._settings = settings
        self._consumer = consumer
        self.partitions = partitions
        self.broker = BrokerWatch(settings, consumer)
        self._lags = {place: LagTracker(place.topic, place.partition) for place in partitions}
        self._ends: dict[TopicPartition, int] = {}

    async def name(self, topic: str) -> TopicName:
        """Return what the brokers call a topic now. Old brokers give no ids, and their place stays empty.

        Raises:
            KafkaError: no broker answers, or the topic does not exist.
        """
        client = consumer_client(self._consumer)
        first = next(place for place in self.partitions if place.topic == topic)
        # The leader serves the records, so it knows the id of their topic. Before anything is read it is not known.
        node = client.cluster.leader_for_partition(first)
        if node is None or node < 0:
            node = client.get_random_node()
        # Not on the connection for records, where it would wait behind a fetch that the broker holds.
        cluster_id, topic_id = await cluster_and_topic_id(
            client, node, topic, group=ConnectionGroup.COORDINATION
        )
        return TopicName(cluster_id or "", topic, topic_id or "")

    async def check(self, names: Iterable[TopicName]) -> None:
        """Check that topics are still the expected ones and have no more partitions, after records were polled.

        Raises:
            StartAgainError: a topic was deleted and created again, or has more partitions.
            KafkaError: no broker answers, or a topic does not exist.
        """
        for expected in names:
            if (await self.name(expected.topic)).topic_id != expected.topic_id:
                raise StartAgainError(f"topic {expected.topic} was deleted and created again")
            known = {place.partition for place in self.partitions if place.topic == expected.topic}
            if (self._consumer.partitions_for_topic(expected.topic) or known) - known:
                raise StartAgainError(f"topic {expected.topic} has more partitions now")

    async def bounds(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return the first offset and the offset after the last committed record of each partition."""
        beginnings = await self._consumer.beginning_offsets(list(self.partitions))
        self._ends = await self._consumer.end_offsets(list(self.partitions))
        return beginnings, self._ends

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read each partition from an offset."""
        self._consumer.assign(list(offsets))
        for place, offset in offsets.items():
            self._consumer.seek(place, offset)
            self._lags[place].positioned(offset)
            self._lags[place].ends_at(self._ends.get(place), time.time())

    async def poll(self) -> dict[TopicPartition, list[Record]]:
        """Return the next records of each partition that has some; nothing after half a second without any.

        Raises:
            StartAgainError: the topic no longer has the records at a position.
            BrokerUnavailableError: no broker has answered for ``give_up_seconds``.
            KafkaError: a topic cannot be read.
        """
        try:
            polled: dict[TopicPartition, list[Record]] = await self._consumer.getmany(
                timeout_ms=_POLL_TIMEOUT_MS, max_records=self._settings.max_poll_records
            )
        except OffsetOutOfRangeError as error:
            raise StartAgainError(
                f"the topic no longer has offset {error.args[0] if error.args else ''}"
            ) from None
        if polled:
            self.broker.seen()
            for place, records in polled.items():
                self._lags[place].polled(records[0].timestamp)
        elif self.broker.is_due:
            await self.broker.check()
        return polled

    async def passed(self, place: TopicPartition) -> int:
        """Return the position of a partition without new records, which markers of transactions move on."""
        return int(await self._consumer.position(place))

    def stored(self, place: TopicPartition, next_offset: int, newest_timestamp: int | None) -> None:
        """Note for the lag that everything before an offset is in the database."""
        if newest_timestamp is None:
            self._lags[place].idle(next_offset)
        else:
            self._lags[place].committed(next_offset, newest_timestamp)

    def lags(self) -> list[PartitionLag]:
        """Return how far each partition is behind."""
        now = time.time()
        for place in self._consumer.assignment():
            stable, high = self._consumer.last_stable_offset(place), self._consumer.highwater(place)
            self._lags[place].fetched(stable, high, now)
        return [lag.known(now) for lag in self._lags.values()]

    async def close(self) -> None:
        """Close the consumer."""
        await stop_consumer(self._consumer)


async def open_reader(settings: Settings, topics: Sequence[str]) -> OutcomeReader:
    """Return a reader of existing topics that reads nothing yet. Close it with ``close()``.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist.
    """
    tolerant_records.install()
    partitions = await existing_partitions(settings, topics)
    consumer = await started_consumer(
        settings,
        auto_offset_reset="none",  # the client's own reset would skip removed records without a word
        isolation_level="read_committed",
        metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        fetch_max_bytes=max(_FETCH_MAX_BYTES, settings.max_partition_fetch_bytes),
    )
    return OutcomeReader(settings, consumer, partitions)
