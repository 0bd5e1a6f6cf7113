"""One transactional producer for each input partition: what it publishes and the offset stand or fall together.

aiokafka speaks transactions v0: offsets are sent without the member's generation, so the group coordinator
cannot refuse a worker that has lost a partition without knowing it (KIP-447 came later). What does refuse it
is the transactional id. There is one a partition, and whoever starts a producer under it (InitProducerId)
aborts its predecessor's open transaction and fences the predecessor for good.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced

from ratecast import kafka
from ratecast.closing import stop_producer
from ratecast.errors import RatecastError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import TopicPartition

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

# Key, value, headers; a list of headers, because the client's C code takes nothing else.
OutgoingRecord = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


class FencedError(RatecastError):
    """Another producer owns this partition's transactional id now: give the partition up."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records for one partition of one topic, in order."""

    topic: str
    partition: int
    records: list[OutgoingRecord]


class PartitionTransactions:
    """The transactions of one input partition.

    Args:
        settings: where the brokers are, and limits.
        source: the input partition.
    """

    def __init__(self, settings: Settings, source: TopicPartition) -> None:
        self._settings = settings
        self._source = source
        self._producer = AIOKafkaProducer(
            **kafka.client_options(settings),
            transactional_id=f"{settings.group_id}-{source.topic}-{source.partition}",
            transaction_timeout_ms=settings.transaction_timeout_ms,
            enable_idempotence=True,
            acks="all",
            max_batch_size=settings.publish_batch_bytes,
        )

    async def start(self) -> None:
        """Fence every predecessor and abort what it left open.

        Raises:
            KafkaError: no coordinator answered.
        """
        await self._producer.start()

    async def publish(self, outgoing: Sequence[Outgoing], next_offset: int) -> None:
        """Publish records and commit the input offset, all or nothing.

        Args:
            outgoing: what to publish; may be empty, then only the offset moves.
            next_offset: the first input offset not dealt with by these records.

        Raises:
            FencedError: another worker owns the partition.
            KafkaError: it failed or its outcome is unknown; a new producer's start settles which.
        """
        try:
            await self._producer.begin_transaction()
            deliveries = [future for out in outgoing for future in await self._send(out)]
            await self._producer.send_offsets_to_transaction(
                {self._source: next_offset}, self._settings.group_id
            )
            # flush() would wait but never raise; these futures do.
            await asyncio.gather(*deliveries)
            await self._producer.commit_transaction()
        except ProducerFenced as error:
            raise FencedError(f"{self._source} is owned by another worker now") from error

    async def _send(self, out: Outgoing) -> list[asyncio.Future[Any]]:
        """Fill batches by hand and hand them over whole: several times faster than a send() a record."""
        deliveries = []
        batch = self._producer.create_batch()
        for key, value, headers in out.records:
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                deliveries.append(await self._producer.send_batch(batch, out.topic, partition=out.partition))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None, headers=headers)
        deliveries.append(await self._producer.send_batch(batch, out.topic, partition=out.partition))
        return deliveries

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))

    async def stop(self) -> None:
        """Close the producer, at the latest after a few seconds.

        A transaction still open is left to the partition's next owner, whose start aborts it.
        """
        await stop_producer(self._producer)
