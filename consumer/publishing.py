"""What a pipeline publishes through: records and the input offset, with one of two guarantees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

# Key, value, headers; a list of headers, because the client's C code takes nothing else.
OutgoingRecord = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records for one partition of one topic, in order."""

    topic: str
    partition: int
    records: list[OutgoingRecord]


class Publisher(Protocol):
    """Publishes the outcome of one input partition."""

    async def start(self) -> None:
        """Connect, and settle whatever an earlier owner of the partition left.

        Raises:
            KafkaError: no coordinator answered.
        """

    async def publish(self, outgoing: Sequence[Outgoing], next_offset: int) -> None:
        """Publish records and commit the input offset.

        Args:
            outgoing: what to publish; may be empty, then only the offset moves.
            next_offset: the first input offset not dealt with by these records.

        Raises:
            FencedError: another worker owns the partition.
            KafkaError: it failed or its outcome is unknown; starting over settles which.
        """

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""

    async def stop(self) -> None:
        """Close, at the latest after a few seconds; what is open is left to the partition's next owner."""


async def hand_over(producer: Any, out: Outgoing) -> list[asyncio.Future[Any]]:
    """Give records to a producer (an AIOKafkaProducer) in batches filled by hand; returns their deliveries.

    Several times faster than a ``send()`` a record, which is otherwise the costliest step of the pipeline.
    """
    deliveries = []
    batch = producer.create_batch()
    for key, value, headers in out.records:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            deliveries.append(await producer.send_batch(batch, out.topic, partition=out.partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
    deliveries.append(await producer.send_batch(batch, out.topic, partition=out.partition))
    return deliveries
