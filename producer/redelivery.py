"""Publishes dead letters to the input topic again, each at most once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from producer.delivery import Outbox
from producer.earlier_redeliveries import redelivered_since
from producer.redelivery_rules import RejectReason, Rules, Selection
from ratecast.contract import dead_letter
from ratecast.errors import OperationError, UsageError
from ratecast.kafka.producers import idempotent_producer
from ratecast.kafka.reader import open_reader
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import existing_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from ratecast.contract.record import Record
    from ratecast.kafka.batches import OutgoingRecord
    from ratecast.settings import Settings


@dataclass
class Redelivery:
    """The result of a redelivery.

    Attributes:
        topic: the topic redelivered to.
        chosen: how many dead letters the selection took.
        published: how many of them the brokers acknowledged; in a dry run, how many would be published.
        by_code: the published ones by error code.
        refused: the source places of the rejected ones, by reason.
        read_to: the next offset to read of each partition of the dead-letter topic.
        interrupted: whether it was stopped before its end.
        again: whether dead letters that were already redelivered were published once more.
    """

    topic: str
    chosen: int = 0
    published: int = 0
    by_code: dict[str, int] = field(default_factory=dict)
    refused: dict[RejectReason, list[str]] = field(default_factory=dict)
    read_to: dict[int, int] = field(default_factory=dict)
    interrupted: bool = False
    again: bool = False

    def resume_hint(self) -> str:
        """Returns how to continue after an interruption without publishing anything twice."""
        if not self.again:
            return "run the command again: it skips what was already published"
        places = [f"--partition {part} --from-offset {next_}" for part, next_ in sorted(self.read_to.items())]
        if not places:
            return "run the command again"
        return f"continue with {'; '.join(places)}; start other partitions from their beginning"


def place_of(letter: Record) -> str:
    """Returns the source of a dead letter as ``topic-partition@offset``; its own place if it names no source."""
    source = dead_letter.parse(letter.headers).source
    topic, partition, offset = source or (letter.topic, letter.partition, letter.offset)
    return f"{topic}-{partition}@{offset}"


async def redeliver(  # noqa: PLR0913 - what to redeliver, how, and who observes it
    settings: Settings,
    selection: Selection,
    *,
    max_hops: int,
    again: bool = False,
    dry_run: bool = False,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Redelivery:
    """Publish the selected dead letters to the input topic, in their order.

    The dead letters stay on their topic. One that was already redelivered, even by an interrupted call, is rejected
    as long as the input topic holds the redelivered record. Two calls at the same time do not detect each other.

    Args:
        settings: the topics.
        selection: which dead letters.
        max_hops: reject dead letters whose record was redelivered this many times.
        again: also publish dead letters that were already redelivered.
        dry_run: apply the rules, but publish nothing.
        stop: ends it early, between two batches.
        on_progress: called with the number of records read so far.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic is missing, or not all records could be delivered. The message says how to continue.
        UsageError: the dead-letter topic has no such partition.
    """
    result = Redelivery(settings.input_topic, again=again)
    counts = await existing_topics(settings, [settings.dead_letter_topic, settings.input_topic])
    if selection.partition is not None and selection.partition >= counts[settings.dead_letter_topic]:
        raise UsageError(f"{settings.dead_letter_topic} has no partition {selection.partition}")
    stop, read = stop or asyncio.Event(), _Reading(on_progress)
    rules = Rules(settings.input_topic, max_hops)
    if not again:
        rules = replace(rules, redelivered=await _redelivered(settings, selection, rules, stop, read))
        if stop.is_set():
            result.interrupted = True
            return result
    async with (
        open_reader(settings, [settings.dead_letter_topic], from_beginning=True) as reader,
        _outbox(settings, counts[settings.input_topic], dry_run=dry_run) as outbox,
        aclosing(reader.batches(follow=False)) as batches,
    ):
        async for batch in batches:
            accepted = list(_accepted(batch, selection, result, rules))
            if outbox is not None:
                try:
                    await outbox.send([_record_of(letter) for letter in accepted], result.published)
                    await outbox.settle()
                except (KafkaError, TimeoutError) as error:
                    reason = in_one_line(error, settings, written=[settings.input_topic])
                    raise _undelivered(result, reason) from error
            _count(result, batch, accepted)
            read.add(len(batch))
            if stop.is_set():
                result.interrupted = True
                break
    return result


class _Reading:
    """Counts the records read in both passes together."""

    def __init__(self, on_progress: Callable[[int], None] | None) -> None:
        self._on_progress = on_progress or (lambda _: None)
        self._records = 0

    def add(self, records: int) -> None:
        self._records += records
        self._on_progress(self._records)


async def _redelivered(
    settings: Settings, selection: Selection, rules: Rules, stop: asyncio.Event, read: _Reading
) -> frozenset[tuple[int, int]]:
    """Returns the dead letters that were already redelivered, as far as the oldest one accepted now matters."""
    oldest: int | None = None
    async with (
        open_reader(settings, [settings.dead_letter_topic], from_beginning=True) as reader,
        aclosing(reader.batches(follow=False)) as batches,
    ):
        async for batch in batches:
            for letter in batch:
                if selection.takes(letter) and rules.reject_reason(letter) is None:
                    oldest = letter.timestamp if oldest is None else min(oldest, letter.timestamp)
            read.add(len(batch))
            if stop.is_set():
                return frozenset()
    if oldest is None:
        return frozenset()
    return await redelivered_since(settings, oldest, stop, read.add)


def _accepted(
    letters: Iterable[Record], selection: Selection, result: Redelivery, rules: Rules
) -> Iterable[Record]:
    for letter in letters:
        if not selection.takes(letter):
            continue
        result.chosen += 1
        reason = rules.reject_reason(letter)
        if reason is None:
            yield letter
        else:
            result.refused.setdefault(reason, []).append(place_of(letter))


def _record_of(letter: Record) -> OutgoingRecord:
    """Returns the record to publish: the original key, value and headers, and where it was redelivered from."""
    has_original_key = dead_letter.parse(letter.headers).key_added is None
    headers = dead_letter.redelivered(letter.headers, (letter.topic, letter.partition, letter.offset))
    return letter.key if has_original_key else None, letter.value, headers


def _count(result: Redelivery, read: Iterable[Record], published: list[Record]) -> None:
    result.published += len(published)
    for letter in published:
        code = dead_letter.parse(letter.headers).code or "-"
        result.by_code[code] = result.by_code.get(code, 0) + 1
    result.read_to.update({letter.partition: letter.offset + 1 for letter in read})


def _undelivered(result: Redelivery, reason: str) -> OperationError:
    return OperationError(
        f"{result.published:,} dead letters were redelivered, then an error occurred: {reason}; some of the next ones "
        f"may have arrived; {result.resume_hint()}"
    )


@asynccontextmanager
async def _outbox(settings: Settings, partitions: int, *, dry_run: bool) -> AsyncIterator[Outbox | None]:
    """Opens the outbox to the input topic; None in a dry run, which needs no producer."""
    if dry_run:
        yield None
        return
    async with idempotent_producer(settings) as producer:
        yield Outbox(producer, settings.input_topic, partitions, settings.give_up_seconds)
