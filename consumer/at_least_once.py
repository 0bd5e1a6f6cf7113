"""At least once, for brokers without transactions.

A worker that is lost between publishing and committing leaves records that its successor publishes again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from consumer.publishing import Outgoing, Progress, delivered, hand_over
from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_producer, uncut

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition

    from ratecast.settings import Settings


class DeliverThenCommit:
    """A `consumer.publishing.Publisher` that commits the offset once every record is acknowledged.

    The commit goes through the group's consumer and so carries the member's generation: a worker that has
    lost the partition cannot commit, but what it has published by then stays published.

    Args:
        settings: where the brokers are, and limits.
        source: the input partition.
        consumer: the worker's consumer (an AIOKafkaConsumer).
        batch_bytes: most bytes in one published batch.
    """

    def __init__(self, settings: Settings, source: TopicPartition, consumer: Any, batch_bytes: int) -> None:
        self._source = source
        self._consumer = consumer
        # Not even idempotence, which needs InitProducerId: some brokers that lack transactions lack that too.
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            acks="all",
            enable_idempotence=False,
            max_batch_size=batch_bytes,
        )

    async def start(self) -> None:
        """Connect."""
        await uncut(self._producer.start())

    async def publish(
        self, outgoing: Sequence[Outgoing], progress: Progress, check: Callable[[], Awaitable[None]]
    ) -> None:
        """Publish records, and when all are acknowledged commit the input offset."""
        deliveries = [(out, await hand_over(self._producer, out)) for out in outgoing]
        await asyncio.gather(check(), *(delivered(*given) for given in deliveries))
        await self._consumer.commit({self._source: (progress.next_offset, progress.note)})

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))

    async def stop(self) -> None:
        """Close the producer."""
        await stop_producer(self._producer)
