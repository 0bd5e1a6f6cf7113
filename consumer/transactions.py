"""Exactly-once publishing: one transactional producer for each input partition.

aiokafka sends offsets without the member's generation (KIP-447 is not implemented). The group coordinator therefore
cannot reject a worker that has lost a partition without noticing. The transactional id protects against such a worker:
there is one per partition, and a producer that starts under it (InitProducerId) aborts the open transaction of its
predecessor and fences the predecessor permanently.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from consumer.publishing import Outgoing, ProducerPublisher, Progress, delivered, send
from ratecast.errors import FencedError
from ratecast.kafka.client import client_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition

    from ratecast.settings import Settings

# Apache Kafka rejects the first records of a transaction while the markers of the previous one are still being written.
# With aiokafka's default pause of 100 ms that retry determined the 99th percentile of a single message's latency.
_RETRY_BACKOFF_MS = 20  # the Java client's pause in this case


class PartitionTransactions(ProducerPublisher):
    """A `consumer.publishing.Publisher` that commits records and offset together or not at all.

    Args:
        settings: the brokers and limits.
        source: the input partition.
        batch_bytes: the most bytes in one published batch; from the settings if None.
    """

    def __init__(self, settings: Settings, source: TopicPartition, batch_bytes: int | None = None) -> None:
        producer = AIOKafkaProducer(
            **client_options(settings),
            transactional_id=f"{settings.group_id}-{source.topic}-{source.partition}",
            transaction_timeout_ms=settings.transaction_timeout_ms,
            enable_idempotence=True,
            acks="all",
            max_batch_size=batch_bytes or settings.publish_batch_bytes,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
        )
        super().__init__(source, producer)
        self._group_id = settings.group_id

    async def settle(self) -> None:
        """Drop an offset that this transactional id has sent in a transaction that no broker knows any more.

        A broker whose disk was full may lose its record of an open transaction and keep the offset. The broker then
        has nothing to abort when a producer starts, and would wait for a decision forever. The end of any later
        transaction with an offset of the group decides all offsets of the same producer.
        """
        await self._producer.begin_transaction()
        await self._producer.send_offsets_to_transaction({self._source: (0, "")}, self._group_id)
        await self._producer.abort_transaction()

    async def publish(
        self, outgoing: Sequence[Outgoing], progress: Progress, check: Callable[[], Awaitable[None]]
    ) -> None:
        """Publish records and commit the input offset in one transaction."""
        try:
            await self._producer.begin_transaction()
            deliveries = [(out, await send(self._producer, out)) for out in outgoing]
            offsets = self._producer.send_offsets_to_transaction(
                {self._source: (progress.next_offset, progress.note)}, self._group_id
            )
            await asyncio.gather(offsets, check(), *(delivered(out, batches) for out, batches in deliveries))
            await self._producer.commit_transaction()
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(f"another worker now owns {self._source}") from error
