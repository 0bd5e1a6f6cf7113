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

from consumer.publishing import Outgoing, hand_over
from ratecast import kafka
from ratecast.clients import stop_producer, uncut
from ratecast.errors import FencedError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            retry_backoff_ms=_RETRY_BACKOFF_MS,
        )

    async def start(self) -> None:
        """Fence every predecessor and abort what it left open."""
        await uncut(self._producer.start())

    async def publish(self, outgoing: Sequence[Outgoing], next_offset: int) -> None:
        """Publish records and commit the input offset, all or nothing."""
        try:
            await self._producer.begin_transaction()
            deliveries = [future for out in outgoing for future in await hand_over(self._producer, out)]
            offsets = self._producer.send_offsets_to_transaction(
                {self._source: next_offset}, self._settings.group_id
            )
            # flush() would wait but never raise; these do, and gathered together none is left unlooked at.
            await asyncio.gather(offsets, *deliveries)
            await self._producer.commit_transaction()
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(f"{self._source} is owned by another worker now") from error

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))

    async def stop(self) -> None:
        """Close the producer; a transaction still open is aborted by the next owner's start."""
        await stop_producer(self._producer)
