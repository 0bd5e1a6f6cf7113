"""At-least-once publishing, for brokers without transactions.

If a worker dies between publishing and committing, its successor publishes the same records again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from consumer.publishing import Outgoing, ProducerPublisher, Progress, delivered, send
from ratecast.kafka.client import client_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition

    from ratecast.settings import Settings


class DeliverThenCommit(ProducerPublisher):
    """A `consumer.publishing.Publisher` that commits the offset after every record is acknowledged.

    The group's consumer sends the commit with the member's generation. A worker that has lost the partition therefore
    cannot commit, but its published records stay.

    Args:
        settings: the brokers and limits.
        source: the input partition.
        consumer: the worker's AIOKafkaConsumer.
        batch_bytes: the most bytes in one published batch.
    """

    def __init__(self, settings: Settings, source: TopicPartition, consumer: Any, batch_bytes: int) -> None:
        # No idempotence: it needs InitProducerId, which some brokers without transactions do not support either.
        producer = AIOKafkaProducer(
            **client_options(settings),
            acks="all",
            enable_idempotence=False,
            max_batch_size=batch_bytes,
        )
        super().__init__(source, producer)
        self._consumer = consumer

    async def publish(
        self, outgoing: Sequence[Outgoing], progress: Progress, check: Callable[[], Awaitable[None]]
    ) -> None:
        """Publish records, and commit the input offset after all are acknowledged."""
        deliveries = [(out, await send(self._producer, out)) for out in outgoing]
        await asyncio.gather(check(), *(delivered(out, batches) for out, batches in deliveries))
        await self._consumer.commit({self._source: (progress.next_offset, progress.note)})
