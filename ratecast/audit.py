"""What became of every input: counted from the topics themselves, never from a program's own counters.

It is right while workers are at work, too. The committed offsets are read first, and whatever was committed by
then has its outcomes on the topics. So an input below them without an outcome is lost; one at or beyond them
is only pending. Memory: three bytes an offset, 3 MB a million of messages, however long they are.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratecast import dead_letter, tail, wire
from ratecast.committed import all_decided, committed_offsets

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ratecast.settings import Settings
    from ratecast.tail import Record, TopicReader

    Offsets = NDArray[np.int64]

Place = tuple[int, int]  # partition, offset

_CHUNK = 4096  # offsets; small, so that a nonsensical offset in a foreign record costs little
_MOST = 255  # outcomes of one input; more are not told apart
_WAIT_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class PartitionAudit:
    """The inputs of one partition; offsets are in order.

    Attributes:
        partition: its number.
        committed: the workers' committed offset; None when there is none.
        inputs: how many lie there now.
        scored: predictions made from them.
        dead_lettered: dead letters made from them.
        exactly_one: inputs with one outcome.
        lost: inputs below the committed offset without an outcome.
        pending: inputs from the committed offset on without an outcome.
        duplicated: inputs with several outcomes.
        unmatched: outcomes of inputs that no longer lie there.
    """

    partition: int
    committed: int | None
    inputs: int
    scored: int
    dead_lettered: int
    exactly_one: int
    lost: Offsets
    pending: Offsets
    duplicated: Offsets
    unmatched: int


@dataclass(frozen=True)
class Audit:
    """Inputs against outcomes, all read committed.

    Attributes:
        partitions: one for each partition of the input topic.
        elsewhere: outcomes of inputs on another topic or on a partition that does not exist.
        unreadable: records among the predictions and dead letters that name no source.
    """

    partitions: list[PartitionAudit]
    elsewhere: int
    unreadable: int

    @property
    def published(self) -> int:
        """Inputs."""
        return sum(part.inputs for part in self.partitions)

    @property
    def scored(self) -> int:
        """Predictions made from them."""
        return sum(part.scored for part in self.partitions)

    @property
    def dead_lettered(self) -> int:
        """Dead letters made from them."""
        return sum(part.dead_lettered for part in self.partitions)

    @property
    def lost(self) -> list[Place]:
        """Inputs that the workers have passed without an outcome."""
        return [(part.partition, offset) for part in self.partitions for offset in part.lost.tolist()]

    @property
    def pending(self) -> list[Place]:
        """Inputs that the workers have not come to yet."""
        return [(part.partition, offset) for part in self.partitions for offset in part.pending.tolist()]

    @property
    def duplicated(self) -> list[Place]:
        """Inputs with more than one outcome."""
        return [(part.partition, offset) for part in self.partitions for offset in part.duplicated.tolist()]

    @property
    def unmatched(self) -> int:
        """Outcomes whose input is not on the input topic: deleted by retention, or of another topic."""
        return self.elsewhere + sum(part.unmatched for part in self.partitions)

    @property
    def sound(self) -> bool:
        """Whether nothing is lost and nothing duplicated; something may be pending."""
        return not any(part.lost.size or part.duplicated.size for part in self.partitions)

    @property
    def exactly_once(self) -> bool:
        """Whether every input has exactly one outcome."""
        return all(part.exactly_one == part.inputs for part in self.partitions)


async def audit(
    settings: Settings,
    *,
    wait_seconds: float = 0.0,
    on_progress: Callable[[int], None] | None = None,
) -> Audit:
    """Read the three topics to their ends and match outcomes to inputs by where these lie.

    Args:
        settings: the topics and the workers' group.
        wait_seconds: how long to go on, reading what is new, while inputs are pending.
        on_progress: called now and then with the number of records read so far.

    Raises:
        OperationError: a topic is missing, no broker answers, or a transaction that hides outcomes stays open.
    """
    partitions = await tail.existing_partitions(settings, [settings.input_topic])
    topics = [settings.output_topic, settings.dead_letter_topic]
    async with (
        tail.open_reader(settings, topics, from_beginning=True) as outcomes,
        tail.open_reader(settings, [settings.input_topic], from_beginning=True) as inputs,
    ):
        tally = _Tally(settings, partitions[settings.input_topic], on_progress)
        clock = asyncio.get_running_loop()
        deadline = clock.time() + wait_seconds
        while True:
            committed = await committed_offsets(settings)
            await tally.read(outcomes)
            # Inputs last: whatever an outcome was made from is seen.
            await tally.read(inputs)
            result = tally.result(committed)
            if any(part.lost.size for part in result.partitions):
                # A committed outcome is not shown while it lies behind a transaction still open.
                await all_decided(settings, topics)
                await tally.read(outcomes)
                result = tally.result(committed)
            if not any(part.pending.size for part in result.partitions) or clock.time() >= deadline:
                return result
            await asyncio.sleep(_WAIT_POLL_SECONDS)


class _Tally:
    """How many predictions and dead letters each input has, by partition and offset.

    Args:
        settings: the topics.
        partitions: of the input topic.
        on_progress: called for each batch.
    """

    def __init__(
        self, settings: Settings, partitions: int, on_progress: Callable[[int], None] | None
    ) -> None:
        self._settings = settings
        self._on_progress = on_progress or (lambda _: None)
        # For each partition, chunks of three rows: is there an input, its predictions, its dead letters.
        # Bytearrays, because adding one to an element of an array takes three times as long.
        self._chunks: list[defaultdict[int, bytearray]] = [
            defaultdict(lambda: bytearray(3 * _CHUNK)) for _ in range(partitions)
        ]
        self._records = self._elsewhere = self._unreadable = 0

    async def read(self, reader: TopicReader) -> None:
        """Count what has come since the last time, to the ends that are found."""
        async with aclosing(reader.batches(follow=False)) as batches:
            async for batch in batches:
                for record in batch:
                    self._count(record)
                self._records += len(batch)
                self._on_progress(self._records)

    def _count(self, record: Record) -> None:
        topic = record.topic
        if topic == self._settings.input_topic:
            self._chunks[record.partition][record.offset // _CHUNK][record.offset % _CHUNK] = 1
            return
        is_prediction = topic == self._settings.output_topic
        if is_prediction:
            source = _source_of_prediction(record.value)
        else:
            source = dead_letter.parse(record.headers).source
        if source is None:
            self._unreadable += 1
            return
        topic, partition, offset = source
        if topic != self._settings.input_topic or not 0 <= partition < len(self._chunks) or offset < 0:
            self._elsewhere += 1
            return
        chunk = self._chunks[partition][offset // _CHUNK]
        index = offset % _CHUNK + (_CHUNK if is_prediction else 2 * _CHUNK)
        chunk[index] = min(chunk[index] + 1, _MOST)

    def result(self, committed: dict[int, int]) -> Audit:
        """The judgement on what has been counted, given the workers' committed offsets."""
        parts = [self._partition(number, committed.get(number)) for number in range(len(self._chunks))]
        return Audit(parts, self._elsewhere, self._unreadable)

    def _partition(self, number: int, committed: int | None) -> PartitionAudit:
        inputs = scored = dead = one = unmatched = 0
        none: list[Offsets] = [np.zeros(0, dtype=np.int64)]
        several = none.copy()
        for index, chunk in sorted(self._chunks[number].items()):
            rows = np.frombuffer(chunk, dtype=np.uint8).reshape(3, _CHUNK).astype(np.int64)
            there, outcomes = rows[0].astype(np.bool_), rows[1] + rows[2]
            inputs += int(there.sum())
            scored += int(rows[1][there].sum())
            dead += int(rows[2][there].sum())
            one += int((outcomes[there] == 1).sum())
            unmatched += int(outcomes[~there].sum())
            none.append(index * _CHUNK + np.flatnonzero(there & (outcomes == 0)))
            several.append(index * _CHUNK + np.flatnonzero(there & (outcomes > 1)))
        missing = np.concatenate(none)
        is_lost = missing < (0 if committed is None else committed)
        return PartitionAudit(
            *(number, committed, inputs, scored, dead, one),
            *(missing[is_lost], missing[~is_lost], np.concatenate(several), unmatched),
        )


def _source_of_prediction(value: bytes | None) -> tuple[str, int, int] | None:
    try:
        source = wire.decode_prediction(value or b"").source
    except (msgspec.DecodeError, RecursionError):
        return None
    return source.topic, source.partition, source.offset


def ranges(offsets: Offsets) -> list[Place]:
    """Ordered offsets as (first, last) of each unbroken run.

    >>> ranges(np.array([3, 4, 5, 9]))
    [(3, 5), (9, 9)]
    """
    if not offsets.size:
        return []
    breaks = np.flatnonzero(np.diff(offsets) > 1)
    first = offsets[np.concatenate(([0], breaks + 1))]
    last = offsets[np.concatenate((breaks, [offsets.size - 1]))]
    return list(zip(first.tolist(), last.tolist(), strict=True))
