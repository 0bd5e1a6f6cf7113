"""Handing records to the brokers: idempotent, batch-built, in order for each key, every delivery accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner

from ratecast.kafka.client import client_options, started
from ratecast.kafka.closing import stop_producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from producer.plan.histories import Message
    from ratecast.settings import Settings

log = logging.getLogger(__name__)


@asynccontextmanager
async def idempotent_producer(settings: Settings) -> AsyncIterator[Any]:
    """A connected producer whose retries repeat nothing, closed at the end within a few seconds.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    producer = await started(
        lambda: AIOKafkaProducer(
            **client_options(settings),
            enable_idempotence=True,
            acks="all",
            max_batch_size=settings.publish_batch_bytes,
        ),
        stop_producer,
        settings,
    )
    try:
        yield producer
    finally:
        await stop_producer(producer)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records on their way to one partition; ``first`` is the position of the earliest."""

    builder: Any
    first: int


@dataclass(frozen=True, slots=True)
class _Sent:
    delivery: asyncio.Future[Any]
    first: int
    count: int


class Outbox:
    """Sends positioned messages to one topic and knows at any time what has surely arrived.

    The client keeps one batch in flight and one waiting for each partition, and `send` waits for a free
    place: memory is bounded by partitions, never by how much is sent.

    Args:
        producer: an idempotent AIOKafkaProducer.
        topic: where to.
        partitions: how many it has.
        limit_seconds: how long to wait for a free place, and at the end for what is on its way.
    """

    def __init__(self, producer: Any, topic: str, partitions: int, limit_seconds: float) -> None:
        self._producer = producer
        self._topic = topic
        self._limit_seconds = limit_seconds
        self._partitions = list(range(partitions))
        self._partitioner = DefaultPartitioner()  # murmur2, as in Java: any client finds a key's partition
        self._partition_of: dict[bytes, int] = {}
        self._open: dict[int, _Batch] = {}
        self._in_flight: list[_Sent] = []
        self._next = 0
        self.delivered = 0

    @property
    def keys(self) -> frozenset[bytes]:
        """Every key sent so far."""
        return frozenset(self._partition_of)

    @property
    def partitions_used(self) -> int:
        """How many partitions these keys lie on."""
        return len(set(self._partition_of.values()))

    @property
    def first_undelivered(self) -> int:
        """The lowest position not known to have arrived; everything before it has."""
        waiting = [batch.first for batch in self._open.values()]
        return min([self._next, *waiting, *(sent.first for sent in self._in_flight)])

    async def send(self, messages: Sequence[Message], first: int) -> None:
        """Hand over messages, the first of which has position ``first``; returns before they have arrived.

        Raises:
            KafkaError: an earlier delivery failed for good.
            TimeoutError: the brokers took nothing for the limit.
        """
        self.collect()
        for position, message in enumerate(messages, first):
            partition = self._partition(message.key)
            batch = self._open.get(partition)
            if batch is None:
                batch = self._begin(partition, position)
            if batch.builder.append(key=message.key, value=message.value, timestamp=None) is None:
                await self._hand_over(partition)
                batch = self._begin(partition, position)
                batch.builder.append(key=message.key, value=message.value, timestamp=None)
            self._next = position + 1
        for partition in list(self._open):
            await self._hand_over(partition)

    def _partition(self, key: bytes) -> int:
        partition = self._partition_of.get(key)
        if partition is None:
            partition = self._partition_of[key] = self._partitioner(key, self._partitions, self._partitions)
        return partition

    def _begin(self, partition: int, position: int) -> _Batch:
        batch = self._open[partition] = _Batch(self._producer.create_batch(), position)
        return batch

    async def _hand_over(self, partition: int) -> None:
        batch = self._open[partition]
        count = batch.builder.record_count()
        try:
            async with asyncio.timeout(self._limit_seconds):
                delivery = await self._send_batch(batch.builder, partition)
        except TimeoutError:
            raise TimeoutError(f"the brokers took nothing for {self._limit_seconds:g} s") from None
        # Only now: when the hand-over fails the batch must still count as undelivered.
        del self._open[partition]
        self._in_flight.append(_Sent(delivery, batch.first, count))

    async def _send_batch(self, builder: Any, partition: int) -> asyncio.Future[Any]:
        while True:
            # The client gives up on a free place after a request timeout of its own, not after our limit.
            with contextlib.suppress(KafkaTimeoutError):
                return await self._producer.send_batch(builder, self._topic, partition=partition)  # type: ignore[no-any-return]

    def collect(self) -> None:
        """Count what has arrived since the last time.

        Raises:
            KafkaError: a delivery failed for good. What it held stays undelivered.
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
        """Wait until everything handed over has arrived.

        Args:
            limit_seconds: another limit than the outbox's.

        Raises:
            KafkaError: a delivery failed for good.
            TimeoutError: something was still on its way after the limit.
        """
        limit_seconds = self._limit_seconds if limit_seconds is None else limit_seconds
        deliveries = [sent.delivery for sent in self._in_flight]
        if deliveries:
            await asyncio.wait(deliveries, timeout=limit_seconds)
        self.collect()
        if self._in_flight:
            raise TimeoutError(f"no acknowledgement within {limit_seconds:g} s")
