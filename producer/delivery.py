"""Delivers records to one topic: idempotent, in order for each key, with a count of what the brokers acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner

from ratecast.kafka.batches import filled_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.kafka.batches import OutgoingRecord

_REMEMBERED_KEYS = 4096  # keys whose partition is cached: more than there are pairs, to bound memory
_REMEMBERED_KEY_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Sent:
    delivery: asyncio.Future[Any]
    first: int  # position of the batch's first record
    count: int


class Outbox:
    """Sends numbered records to one topic, and knows which of them the brokers have acknowledged.

    aiokafka keeps one batch in flight and one waiting for each partition, and `send` waits for a free place. So memory
    depends on the number of partitions, and not on how much is sent.

    Args:
        producer: an idempotent AIOKafkaProducer.
        topic: the topic to send to.
        partitions: its partition count.
        limit_seconds: how long to wait for a free place, and for acknowledgements at the end.
    """

    def __init__(self, producer: Any, topic: str, partitions: int, limit_seconds: float) -> None:
        self._producer = producer
        self._topic = topic
        self._limit_seconds = limit_seconds
        self._partitions = list(range(partitions))
        self._partitioner = (
            DefaultPartitioner()
        )  # murmur2 as in Java, so all clients agree on a key's partition
        self._partition_of: dict[bytes, int] = {}
        self._waiting: dict[int, list[tuple[int, OutgoingRecord]]] = {}  # partition -> (position, record)
        self._in_flight: list[_Sent] = []
        self._next = 0
        self.delivered = 0

    @property
    def keys(self) -> frozenset[bytes]:
        """The distinct keys sent so far; only short ones, and at most the first 4,096."""
        return frozenset(self._partition_of)

    @property
    def partitions_used(self) -> int:
        """How many partitions these keys belong to."""
        return len(set(self._partition_of.values()))

    @property
    def first_undelivered(self) -> int:
        """The lowest position that is not acknowledged. All positions below it are."""
        waiting = (records[0][0] for records in self._waiting.values() if records)
        return min([self._next, *waiting, *(sent.first for sent in self._in_flight)])

    async def send(self, records: Sequence[OutgoingRecord], first: int) -> None:
        """Give records to the producer. This returns before they are acknowledged.

        Args:
            records: key, value and headers of each; a record without a key goes to a random partition.
            first: position of the first record.

        Raises:
            KafkaError: an earlier delivery failed permanently.
            TimeoutError: the brokers accepted nothing within the limit.
        """
        self.collect()
        for position, record in enumerate(records, first):
            self._waiting.setdefault(self._partition(record[0]), []).append((position, record))
        self._next = first + len(records)
        for partition, waiting in self._waiting.items():
            if waiting:
                await self._send_waiting(partition, waiting)

    def _partition(self, key: bytes | None) -> int:
        partition = None if key is None else self._partition_of.get(key)
        if partition is None:
            partition = self._partitioner(key, self._partitions, self._partitions)
            if (
                key is not None
                and len(key) <= _REMEMBERED_KEY_BYTES
                and len(self._partition_of) < _REMEMBERED_KEYS
            ):
                self._partition_of[key] = partition
        return partition

    async def _send_waiting(self, partition: int, waiting: list[tuple[int, OutgoingRecord]]) -> None:
        for batch in filled_batches(self._producer, [record for _, record in waiting]):
            try:
                async with asyncio.timeout(self._limit_seconds):
                    delivery = await self._send_batch(batch, partition)
            except TimeoutError:
                raise TimeoutError(f"the brokers accepted nothing for {self._limit_seconds:g} s") from None
            # Only now, because a batch that could not be sent must still count as undelivered.
            count = batch.record_count()
            self._in_flight.append(_Sent(delivery, waiting[0][0], count))
            del waiting[:count]

    async def _send_batch(self, batch: Any, partition: int) -> asyncio.Future[Any]:
        while True:
            # aiokafka gives up on a free place after its own request timeout, which is not our limit.
            with contextlib.suppress(KafkaTimeoutError):
                return await self._producer.send_batch(batch, self._topic, partition=partition)  # type: ignore[no-any-return]

    def collect(self) -> None:
        """Count the deliveries acknowledged since the last call.

        Raises:
            KafkaError: a delivery failed permanently. Its records stay undelivered.
        """
        still: list[_Sent] = []
        failure: BaseException | None = None
        for sent in self._in_flight:
            if not sent.delivery.done():
                still.append(sent)
            elif (error := sent.delivery.exception()) is not None:
                failure = failure or error
                still.append(sent)
            else:
                self.delivered += sent.count
        self._in_flight = still
        if failure is not None:
            raise failure

    async def settle(self, limit_seconds: float | None = None) -> None:
        """Wait until all records that were sent are acknowledged.

        Args:
            limit_seconds: how long to wait; the outbox's limit if None.

        Raises:
            KafkaError: a delivery failed permanently.
            TimeoutError: a record was not acknowledged within the limit.
        """
        limit_seconds = self._limit_seconds if limit_seconds is None else limit_seconds
        deliveries = [sent.delivery for sent in self._in_flight]
        if deliveries:
            # Not gather(): at a timeout it would cancel futures that aiokafka still wants to set.
            await asyncio.wait(deliveries, timeout=limit_seconds)
        self.collect()
        if self._in_flight:
            raise TimeoutError(f"some records were not acknowledged within {limit_seconds:g} s")
