"""Dead letters back to the input topic: which of them, with what headers, and never round for ever."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from producer import replayed
from producer.delivery import idempotent_producer
from producer.republishing import Republisher
from ratecast.contract import dead_letter
from ratecast.errors import OperationError, UsageError
from ratecast.kafka.reader import existing_partitions, open_reader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from ratecast.contract.record import Record
    from ratecast.settings import Settings

    Headers = list[dead_letter.Header]


class Refusal(StrEnum):
    """Why a chosen letter is not replayed."""

    CUT = "cut"  # its value was shortened to fit the dead-letter topic
    REPLAYED = "replayed"  # the input topic holds a record made from it
    MAX_HOPS = "max_hops"  # the record was replayed often enough, each time from another letter
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
            and (not self.codes or dead_letter.parse(letter.headers).code in self.codes)
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
        again: whether letters were published that had been replayed before.
    """

    topic: str
    chosen: int = 0
    published: int = 0
    by_code: dict[str, int] = field(default_factory=dict)
    refused: dict[Refusal, list[str]] = field(default_factory=dict)
    read_to: dict[int, int] = field(default_factory=dict)
    interrupted: bool = False
    again: bool = False

    def resume_hint(self) -> str:
        """How to go on after an interruption, without publishing anything a second time."""
        if not self.again:
            return "start again: what has arrived is not published a second time"
        places = [f"--partition {part} --from-offset {next_}" for part, next_ in sorted(self.read_to.items())]
        return (
            f"go on with {'; '.join(places)}; other partitions from their start" if places else "start again"
        )


def place_of(letter: Record) -> str:
    """Where a letter came from, as ``topic-partition@offset``; its own place when it does not say."""
    source = dead_letter.parse(letter.headers).source
    topic, partition, offset = source or (letter.topic, letter.partition, letter.offset)
    return f"{topic}-{partition}@{offset}"


@dataclass(frozen=True)
class Rules:
    """Which letters must not be replayed.

    Attributes:
        input_topic: where letters come from and go to.
        max_hops: a record replayed so often is refused.
        replayed: partition and offset of letters that were replayed before.
    """

    input_topic: str
    max_hops: int
    replayed: frozenset[tuple[int, int]] = frozenset()

    def refusal(self, letter: Record) -> Refusal | None:
        """Why a letter must not be replayed; None when it may."""
        headers = dead_letter.parse(letter.headers)
        if headers.source is None or headers.topic != self.input_topic:
            return Refusal.ELSEWHERE
        if dead_letter.is_value_cut(letter.headers):
            return Refusal.CUT
        if (letter.partition, letter.offset) in self.replayed:
            return Refusal.REPLAYED
        return Refusal.MAX_HOPS if (headers.hops or 0) >= self.max_hops else None


def replayed_headers(letter: Record) -> Headers:
    """The headers the record came with, one hop more, and the letter that it now comes from."""
    return dead_letter.replayed(letter.headers, (letter.topic, letter.partition, letter.offset))


async def redeliver(  # noqa: PLR0913 - what to replay, how, and who watches
    settings: Settings,
    selection: Selection,
    *,
    max_hops: int,
    again: bool = False,
    dry_run: bool = False,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Redelivery:
    """Publish the chosen dead letters that are there now to the input topic, in their order.

    The letters stay where they are. One that was replayed before, by a call that was cut off too, is refused, as far
    as the input topic still holds the record made from it. Two calls at the same time do not know of each other.

    Args:
        settings: the topics.
        selection: which letters.
        max_hops: letters replayed so often before are refused.
        again: publish letters that were replayed before, too.
        dry_run: judge, but publish nothing.
        stop: ends it early, between two batches.
        on_progress: called with the number of records read so far.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic is missing, or not all could be delivered; it says how to go on.
        UsageError: the dead-letter topic has no such partition.
    """
    result = Redelivery(settings.input_topic, again=again)
    counts = await existing_partitions(settings, [settings.dead_letter_topic, settings.input_topic])
    if selection.partition is not None and selection.partition >= counts[settings.dead_letter_topic]:
        raise UsageError(f"{settings.dead_letter_topic} has no partition {selection.partition}")
    stop, read = stop or asyncio.Event(), _Reading(on_progress)
    rules = Rules(settings.input_topic, max_hops)
    if not again:
        rules = replace(rules, replayed=await _replayed(settings, selection, rules, stop, read))
        if stop.is_set():
            result.interrupted = True
            return result
    async with (
        open_reader(settings, [settings.dead_letter_topic], from_beginning=True) as reader,
        _publisher(settings, counts[settings.input_topic], dry_run=dry_run) as publisher,
        aclosing(reader.batches(follow=False)) as batches,
    ):
        async for batch in batches:
            accepted = list(_accepted(batch, selection, result, rules))
            if publisher is not None:
                try:
                    await publisher.publish(accepted)
                except (KafkaError, TimeoutError) as error:
                    raise _undelivered(result, error) from error
            _count(result, batch, accepted)
            read.add(len(batch))
            if stop.is_set():
                result.interrupted = True
                break
    return result


class _Reading:
    """Counts what is read, in all passes together."""

    def __init__(self, on_progress: Callable[[int], None] | None) -> None:
        self._on_progress = on_progress or (lambda _: None)
        self._records = 0

    def add(self, records: int) -> None:
        """So many more."""
        self._records += records
        self._on_progress(self._records)


async def _replayed(
    settings: Settings, selection: Selection, rules: Rules, stop: asyncio.Event, read: _Reading
) -> frozenset[tuple[int, int]]:
    """The letters replayed before; the input topic is read from the oldest on that could be replayed now."""
    oldest: int | None = None
    async with (
        open_reader(settings, [settings.dead_letter_topic], from_beginning=True) as reader,
        aclosing(reader.batches(follow=False)) as batches,
    ):
        async for batch in batches:
            for letter in batch:
                if selection.takes(letter) and rules.refusal(letter) is None:
                    oldest = letter.timestamp if oldest is None else min(oldest, letter.timestamp)
            read.add(len(batch))
            if stop.is_set():
                return frozenset()
    if oldest is None:
        return frozenset()
    return frozenset(await replayed.replayed_since(settings, oldest, stop, read.add))


def _accepted(
    letters: Iterable[Record], selection: Selection, result: Redelivery, rules: Rules
) -> Iterable[Record]:
    for letter in letters:
        if not selection.takes(letter):
            continue
        result.chosen += 1
        reason = rules.refusal(letter)
        if reason is None:
            yield letter
        else:
            result.refused.setdefault(reason, []).append(place_of(letter))


def _count(result: Redelivery, read: Iterable[Record], published: list[Record]) -> None:
    result.published += len(published)
    for letter in published:
        code = dead_letter.parse(letter.headers).code or "-"
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
) -> AsyncIterator[Republisher | None]:
    """What publishes; None in a dry run, which needs no producer."""
    if dry_run:
        yield None
        return
    async with idempotent_producer(settings) as producer:
        yield Republisher(producer, settings, partitions, replayed_headers)
