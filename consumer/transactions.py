"""Exactly once: one transactional producer for each input partition.

aiokafka speaks transactions v0: offsets are sent without the member's generation, so the group coordinator
cannot refuse a worker that has lost a partition without knowing it (KIP-447 came later). What does refuse it
is the transactional id. There is one a partition, and whoever starts a producer under it (InitProducerId)
aborts its predecessor's open transaction and fences the predecessor for good.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from consumer.publishing import Outgoing, Progress, delivered, hand_over
from ratecast.errors import FencedError
from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_producer, uncut

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition

    from ratecast.settings import Settings

# Apache Kafka turns away the first records of a transaction that follows so closely upon the last one that its
# markers are still being written. The client's own pause of 100 ms was the p99 of a lone message.
_RETRY_BACKOFF_MS = 20  # as the Java client pauses then


class PartitionTransactions:
    """A `consumer.publishing.Publisher` whose records and offset are committed together or not at all.

    Args:
        settings: where the brokers are, and limits.
        source: the input partition.
        batch_bytes: most bytes in one published batch; the setting when None.
    """

    def __init__(self, settings: Settings, source: TopicPartition, batch_bytes: int | None = None) -> None:
        self._settings = settings
        self._source = source
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            transactional_id=f"{settings.group_id}-{source.topic}-{source.partition}",
            transaction_timeout_ms=settings.transaction_timeout_ms,
            enable_idempotence=True,
            acks="all",
            max_batch_size=batch_bytes or settings.publish_batch_bytes,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
        )

    async def start(self) -> None:
        """Fence every predecessor and abort what it left open."""
        await uncut(self._producer.start())

    async def publish(
        self, outgoing: Sequence[Outgoing], progress: Progress, check: Callable[[], Awaitable[None]]
    ) -> None:
        """Publish records and commit the input offset, all or nothing."""
        try:
            await self._producer.begin_transaction()
            deliveries = [(out, await hand_over(self._producer, out)) for out in outgoing]
            offsets = self._producer.send_offsets_to_transaction(
                {self._source: (progress.next_offset, progress.note)}, self._settings.group_id
            )
            await asyncio.gather(offsets, check(), *(delivered(*given) for given in deliveries))
            await self._producer.commit_transaction()
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(f"{self._source} is owned by another worker now") from error

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))

    async def stop(self) -> None:
        """Close the producer; a transaction still open is aborted by the next owner's start."""
        await stop_producer(self._producer)
