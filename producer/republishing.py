"""Records that lay on a topic before, published once more: raw, whole batches at a time, in order for each key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.partitioner import DefaultPartitioner

from ratecast.contract import dead_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ratecast.contract.record import Record
    from ratecast.settings import Settings

    Headers = list[tuple[str, bytes | None]]


class Republisher:
    """Publishes records to the input topic.

    Batches are built by hand: a `send` refuses what is longer than a request, and too long is just what some
    of these records are.

    Args:
        producer: an idempotent AIOKafkaProducer.
        settings: the topic, and how long to wait for the brokers.
        partitions: how many the topic has.
        headers: what a record's are to be.
    """

    def __init__(
        self, producer: Any, settings: Settings, partitions: int, headers: Callable[[Record], Headers]
    ) -> None:
        self._producer = producer
        self._headers = headers
        self._topic = settings.input_topic
        self._limit_seconds = settings.give_up_seconds
        self._partitions = list(range(partitions))
        self._partitioner = DefaultPartitioner()

    async def publish(self, letters: Iterable[Record]) -> None:
        """Publish records and wait until all have arrived.

        Raises:
            KafkaError: one failed for good.
            TimeoutError: the brokers did not acknowledge them within the limit.
        """
        by_partition: dict[int, list[Record]] = {}
        for letter in letters:
            partition = self._partitioner(_own_key(letter), self._partitions, self._partitions)
            by_partition.setdefault(partition, []).append(letter)
        limit = self._limit_seconds
        try:
            async with asyncio.timeout(limit):
                deliveries = [
                    delivery
                    for partition, records in by_partition.items()
                    for delivery in await self._hand_over(partition, records)
                ]
        except TimeoutError:
            raise TimeoutError(f"the brokers took nothing for {limit:g} s") from None
        if not deliveries:
            return
        # Not gather: at a timeout it would cancel futures that the client still means to set.
        arrived, waiting = await asyncio.wait(deliveries, timeout=limit)
        failures = [error for delivery in arrived if (error := delivery.exception()) is not None]
        if failures:
            raise failures[0]
        if waiting:
            raise TimeoutError(f"no acknowledgement within {limit:g} s")

    async def _hand_over(self, partition: int, records: list[Record]) -> list[asyncio.Future[Any]]:
        deliveries = []
        batch = self._producer.create_batch()
        for record in records:
            fields = {"key": _own_key(record), "value": record.value, "headers": self._headers(record)}
            if batch.append(timestamp=None, **fields) is None:
                deliveries.append(await self._producer.send_batch(batch, self._topic, partition=partition))
                batch = self._producer.create_batch()
                batch.append(timestamp=None, **fields)
        deliveries.append(await self._producer.send_batch(batch, self._topic, partition=partition))
        return deliveries


def _own_key(letter: Record) -> bytes | None:
    """The key that the record came with; one that its dead-letter topic forced upon it is not its own."""
    return None if dead_letter.parse(letter.headers).key_added is not None else letter.key
