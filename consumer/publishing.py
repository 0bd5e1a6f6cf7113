"""The interface by which a pipeline publishes records and commits its input offset, and what its two versions share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka.errors import BrokerResponseError, InvalidProducerEpoch, KafkaError, ProducerFenced

from ratecast.kafka.batches import filled_batches
from ratecast.kafka.broker_errors import in_words
from ratecast.kafka.closing import shielded_start, stop_producer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition

    from ratecast.kafka.batches import OutgoingRecord


class OutputRejectedError(KafkaError):  # type: ignore[misc]
    """A broker rejected records that we published, and a retry of the same records will fail too.

    Args:
        out: the rejected records.
        reason: the broker's error.
    """

    def __init__(self, out: Outgoing, reason: BrokerResponseError) -> None:
        super().__init__(f"{out.topic}-{out.partition} rejected our records: {in_words(reason)}")
        self.topic = out.topic
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Progress:
    """The input offset that is committed with a batch's outcomes."""

    next_offset: int  # the first input offset that has no outcome yet
    note: str  # the metadata committed beside the offset


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records for one partition of one topic, in order."""

    topic: str
    partition: int
    records: list[OutgoingRecord]


class Publisher(Protocol):
    """Publishes the outcomes of one input partition."""

    async def start(self) -> None:
        """Connect, and abort any transaction that an earlier owner of the partition left open.

        Raises:
            KafkaError: no coordinator answered.
        """

    async def publish(
        self, outgoing: Sequence[Outgoing], progress: Progress, check: Callable[[], Awaitable[None]]
    ) -> None:
        """Publish records and commit the input offset.

        Args:
            outgoing: the records. If there are none, only the offset is committed.
            progress: the offset to commit.
            check: runs while the records are sent. Nothing is committed if it fails.

        Raises:
            FencedError: another worker owns the partition.
            OutputRejectedError: a broker rejected the records.
            KafkaError: publishing failed, or it is unknown whether it did. Start a new publisher and retry.
        """

    async def settle(self) -> None:
        """Drop an offset that an earlier owner has sent in a transaction that no broker knows any more.

        Raises:
            KafkaError: the brokers do not answer.
        """

    async def partitions(self, topic: str) -> int:
        """Returns the partition count of a topic."""

    async def stop(self) -> None:
        """Close within a few seconds. An open transaction is left for the next owner of the partition to abort."""


class ProducerPublisher:
    """The parts of a `Publisher` that do not depend on its guarantee.

    Args:
        source: the input partition.
        producer: an AIOKafkaProducer that has not started.
    """

    def __init__(self, source: TopicPartition, producer: Any) -> None:
        self._source = source
        self._producer = producer

    async def start(self) -> None:
        """Connect. A transactional producer also fences its predecessors and aborts their open transactions."""
        await shielded_start(self._producer.start())

    async def settle(self) -> None:
        """Do nothing: without transactions no offset waits for a decision."""

    async def partitions(self, topic: str) -> int:
        """Returns the partition count of a topic."""
        return len(await self._producer.partitions_for(topic))

    async def stop(self) -> None:
        """Close the producer. The next owner's `start` aborts a transaction that is still open."""
        await stop_producer(self._producer)


async def send(producer: Any, out: Outgoing) -> list[asyncio.Future[Any]]:
    """Give records to an AIOKafkaProducer, and return one delivery per batch."""
    return [
        await producer.send_batch(batch, out.topic, partition=out.partition)
        for batch in filled_batches(producer, out.records)
    ]


async def delivered(out: Outgoing, deliveries: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until all records are acknowledged.

    Raises:
        OutputRejectedError: the broker rejected the records.
        KafkaError: the delivery failed for another reason.
    """
    try:
        # flush() would wait too, but it raises no error of a delivery. gather() retrieves the errors of all of them.
        await asyncio.gather(*deliveries)
    except (ProducerFenced, InvalidProducerEpoch):
        raise
    except BrokerResponseError as error:
        if error.retriable:
            raise
        raise OutputRejectedError(out, error) from error
