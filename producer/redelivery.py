"""Dead letters back to the input topic: which of them, with what headers, and never round for ever."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from producer.delivery import idempotent_producer
from ratecast import tail
from ratecast.audit import source_of
from ratecast.errors import OperationError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from ratecast.settings import Settings
    from ratecast.tail import Record

    Headers = list[tuple[str, bytes | None]]

PREFIX = "ratecast."
CODE = "ratecast.error.code"
CUT = "ratecast.value.truncated"
HOPS = "ratecast.hops"  # how often a record was replayed; consumer/dead_letters.py carries it on


class Refusal(StrEnum):
    """Why a chosen letter is not replayed."""

    CUT = "cut"  # its value was shortened to fit the dead-letter topic
    MAX_HOPS = "max_hops"  # it was replayed often enough
    ELSEWHERE = "elsewhere"  # it came from another topic, or is no dead letter of ours


@dataclass(frozen=True)
class Selection:
    """Which dead letters; a letter must meet every condition.

    Attributes:
        codes: any of these error codes; empty for all.
        partition: of the dead-letter topic; None for all.
        first: the lowest offset there.
        last: the highest; None for the end.
    """

    codes: frozenset[str] = frozenset()
    partition: int | None = None
    first: int = 0
    last: int | None = None

    def takes(self, letter: Record) -> bool:
        """Whether the letter is chosen."""
        return (
            (self.partition is None or letter.partition == self.partition)
            and self.first <= letter.offset
            and (self.last is None or letter.offset <= self.last)
            and (not self.codes or code_of(letter) in self.codes)
        )


@dataclass
class Redelivery:
    """What a replay of dead letters has done.

    Attributes:
        topic: where to.
        chosen: letters that the selection took.
        published: how many of them lie on the topic again, acknowledged by the brokers; in a dry run, would.
        by_code: the same by error code.
        refused: the source places of the others, by reason.
        read_to: the next offset of each partition of the dead-letter topic that was dealt with.
        interrupted: whether it was stopped before its end.
    """

    topic: str
    chosen: int = 0
    published: int = 0
    by_code: dict[str, int] = field(default_factory=dict)
    refused: dict[Refusal, list[str]] = field(default_factory=dict)
    read_to: dict[int, int] = field(default_factory=dict)
    interrupted: bool = False

    def resume_hint(self) -> str:
        """How to go on after an interruption, without publishing anything a second time."""
        places = [f"--partition {part} --from-offset {next_}" for part, next_ in sorted(self.read_to.items())]
        return (
            f"go on with {'; '.join(places)}; other partitions from their start" if places else "start again"
        )


def code_of(letter: Record) -> str | None:
    """The error code in a letter's headers; None when there is none."""
    return next((_text(value) for name, value in letter.headers if name == CODE), None)


def hops_of(letter: Record) -> int:
    """How often a record was replayed; a count that is no number is none."""
    counts = [_text(value) for name, value in letter.headers if name == HOPS]
    return max((int(count[:9]) for count in counts if count.isascii() and count.isdecimal()), default=0)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def place_of(letter: Record) -> str:
    """Where a letter came from, as ``topic-partition@offset``; its own place when it does not say."""
    topic, partition, offset = source_of(letter.headers) or (letter.topic, letter.partition, letter.offset)
    return f"{topic}-{partition}@{offset}"


def refusal(letter: Record, input_topic: str, max_hops: int) -> Refusal | None:
    """Why a letter must not be replayed; None when it may."""
    source = source_of(letter.headers)
    if source is None or source[0] != input_topic:
        return Refusal.ELSEWHERE
    if any(name == CUT for name, _ in letter.headers):
        return Refusal.CUT
    return Refusal.MAX_HOPS if hops_of(letter) >= max_hops else None


def replayed_headers(letter: Record) -> Headers:
    """The headers the record came with, and one hop more."""
    original = [(name, value) for name, value in letter.headers if not name.startswith(PREFIX)]
    return [*original, (HOPS, str(hops_of(letter) + 1).encode())]


async def redeliver(
    settings: Settings,
    selection: Selection,
    *,
    max_hops: int,
    dry_run: bool = False,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Redelivery:
    """Publish the chosen dead letters that are there now to the input topic, in their order.

    The letters stay where they are: a second call publishes them a second time.

    Args:
        settings: the topics.
        selection: which letters.
        max_hops: letters replayed so often before are refused.
        dry_run: judge, but publish nothing.
        stop: ends it early, between two batches.
        on_progress: called with the number of letters read so far.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic is missing, or not all could be delivered; it says how to go on.
        UsageError: the dead-letter topic has no such partition.
    """
    result = Redelivery(settings.input_topic)
    counts = await tail.existing_partitions(settings, [settings.dead_letter_topic, settings.input_topic])
    if selection.partition is not None and selection.partition >= counts[settings.dead_letter_topic]:
        raise UsageError(f"{settings.dead_letter_topic} has no partition {selection.partition}")
    read = 0
    async with (
        tail.open_reader(settings, [settings.dead_letter_topic], from_beginning=True) as reader,
        _publisher(settings, counts[settings.input_topic], dry_run=dry_run) as publisher,
        aclosing(reader.batches(follow=False)) as batches,
    ):
        async for batch in batches:
            accepted = list(_accepted(batch, selection, result, max_hops))
            if publisher is not None:
                try:
                    await publisher.publish(accepted)
                except (KafkaError, TimeoutError) as error:
                    raise _undelivered(result, error) from error
            _count(result, batch, accepted)
            read += len(batch)
            if on_progress is not None:
                on_progress(read)
            if stop is not None and stop.is_set():
                result.interrupted = True
                break
    return result


def _accepted(
    letters: Iterable[Record], selection: Selection, result: Redelivery, max_hops: int
) -> Iterable[Record]:
    for letter in letters:
        if not selection.takes(letter):
            continue
        result.chosen += 1
        reason = refusal(letter, result.topic, max_hops)
        if reason is None:
            yield letter
        else:
            result.refused.setdefault(reason, []).append(place_of(letter))


def _count(result: Redelivery, read: Iterable[Record], published: list[Record]) -> None:
    result.published += len(published)
    for letter in published:
        code = code_of(letter) or "-"
        result.by_code[code] = result.by_code.get(code, 0) + 1
    result.read_to.update({letter.partition: letter.offset + 1 for letter in read})


def _undelivered(result: Redelivery, error: Exception) -> OperationError:
    reason = str(error) or type(error).__name__
    return OperationError(
        f"{result.published:,} letters delivered, then: {reason}; of the next some may have arrived; "
        f"{result.resume_hint()}"
    )


@asynccontextmanager
async def _publisher(
    settings: Settings, partitions: int, *, dry_run: bool
) -> AsyncIterator[_Publisher | None]:
    """What publishes; None in a dry run, which needs no producer."""
    if dry_run:
        yield None
        return
    async with idempotent_producer(settings) as producer:
        yield _Publisher(producer, settings, partitions)


class _Publisher:
    """Publishes records to one topic, whole batches at a time.

    Batches are built by hand: a `send` refuses what is longer than a request, and too long is just what some
    of these records are.

    Args:
        producer: an idempotent AIOKafkaProducer.
        settings: the topic, and how long to wait for the brokers.
        partitions: how many the topic has.
    """

    def __init__(self, producer: Any, settings: Settings, partitions: int) -> None:
        self._producer = producer
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
            partition = self._partitioner(letter.key, self._partitions, self._partitions)
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
            fields = {"key": record.key, "value": record.value, "headers": replayed_headers(record)}
            if batch.append(timestamp=None, **fields) is None:
                deliveries.append(await self._producer.send_batch(batch, self._topic, partition=partition))
                batch = self._producer.create_batch()
                batch.append(timestamp=None, **fields)
        deliveries.append(await self._producer.send_batch(batch, self._topic, partition=partition))
        return deliveries
