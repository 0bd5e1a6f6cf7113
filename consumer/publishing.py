"""What a pipeline publishes through: records and the input offset, with one of two guarantees."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka.errors import BrokerResponseError, InvalidProducerEpoch, KafkaError, ProducerFenced

from ratecast.kafka.broker_errors import in_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

# Key, value, headers; a list of headers, because the client's C code takes nothing else.
OutgoingRecord = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


class OutputRefusedError(KafkaError):  # type: ignore[misc]
    """A broker did not take records of ours; trying the same again will not help by itself.

    Args:
        out: what was published.
        reason: the broker's answer.
    """

    def __init__(self, out: Outgoing, reason: BrokerResponseError) -> None:
        super().__init__(f"{out.topic}-{out.partition} does not take our records: {in_words(reason)}")
        self.topic = out.topic
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Progress:
    """What is committed together with a batch's outcomes."""

    next_offset: int  # the first input offset not dealt with
    note: str  # the metadata of the offset


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

    async def publish(
        self, outgoing: Sequence[Outgoing], progress: Progress, check: Callable[[], Awaitable[None]]
    ) -> None:
        """Publish records and commit the input offset.

        Args:
            outgoing: what to publish; may be empty, then only the offset moves.
            progress: what to commit.
            check: done beside the publishing; nothing is committed unless it succeeds.

        Raises:
            FencedError: another worker owns the partition.
            OutputRefusedError: a broker does not take the records.
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


async def delivered(out: Outgoing, deliveries: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until all records are acknowledged.

    Raises:
        OutputRefusedError: the broker does not take them.
        KafkaError: it failed otherwise.
    """
    try:
        # flush() would wait but never raise; these do, and gathered together none is left unlooked at.
        await asyncio.gather(*deliveries)
    except (ProducerFenced, InvalidProducerEpoch):
        raise
    except BrokerResponseError as error:
        if error.retriable:
            raise
        raise OutputRefusedError(out, error) from error
