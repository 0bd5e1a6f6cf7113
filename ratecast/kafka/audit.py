"""Counts the outcomes of every input by reading the topics, without trusting any program's counters.

An outcome is a prediction or a dead letter. It names its input by topic, partition and offset, and by the broker's id
of the topic if there is one. Outcomes of a deleted topic therefore do not count for a new topic of the same name.

The audit is correct while workers run. It reads the committed offsets first, and every input below them already has its
outcome on a topic. So an input below the committed offset without an outcome is lost, and one at or above it is pending.
Memory: three bytes per offset, 3 MB per million messages of any length.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratecast.contract import dead_letter, wire
from ratecast.errors import OperationError
from ratecast.kafka.audit_result import Audit, PartitionAudit, Removed
from ratecast.kafka.committed import committed_offsets, topic_ends, wait_for_open_transactions
from ratecast.kafka.reader import open_reader
from ratecast.kafka.topics import existing_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from ratecast.contract.commit_note import Committed
    from ratecast.contract.record import Record
    from ratecast.kafka.committed import TopicEnds
    from ratecast.kafka.reader import TopicReader
    from ratecast.settings import Settings

    Offsets = NDArray[np.int64]
    Source = tuple[tuple[str, int, int], str | None]  # topic, partition, offset; the topic's id

_CHUNK = 4096  # offsets per chunk; small, so that an absurd offset in a foreign record costs little memory
_MOST = 255  # outcomes counted per input; a byte holds no more
_WAIT_POLL_SECONDS = 0.5


async def audit(
    settings: Settings,
    *,
    wait_seconds: float = 0.0,
    on_progress: Callable[[int], None] | None = None,
) -> Audit:
    """Read the three topics to their ends and match outcomes to inputs by topic, partition and offset.

    Args:
        settings: the topics and the workers' group.
        wait_seconds: how long to continue with new records while inputs are pending.
        on_progress: called after each batch with the number of records read so far.

    Raises:
        OperationError: a topic is missing or was recreated during the audit, no broker answers, or a transaction that
            hides outcomes stays open.
    """
    topic = settings.input_topic
    count = (await existing_topics(settings, [topic]))[topic]
    topic_id = (await topic_ends(settings, topic, count)).topic_id
    topics = [settings.output_topic, settings.dead_letter_topic]
    async with (
        open_reader(settings, topics, from_beginning=True) as outcomes,
        open_reader(settings, [topic], from_beginning=True) as inputs,
    ):
        tally = _Tally(settings, count, topic_id, on_progress)
        clock = asyncio.get_running_loop()
        deadline = clock.time() + wait_seconds
        while True:
            # Read before the committed offsets, so that a beginning above one of them means that records were removed.
            ends = await topic_ends(settings, topic, count)
            if ends.topic_id != topic_id:
                raise OperationError(
                    f"topic {topic} was deleted and recreated during the audit: run the audit again"
                )
            committed = _of_this_topic(await committed_offsets(settings), topic_id)
            await tally.read(outcomes)
            # Inputs are read last, so that the input of every outcome is among them.
            await tally.read(inputs)
            result = tally.result(committed, ends)
            if any(part.lost.size for part in result.partitions):
                # An open transaction hides the committed outcomes after it.
                await wait_for_open_transactions(settings, topics)
                await tally.read(outcomes)
                result = tally.result(committed, ends)
            if not any(part.pending.size for part in result.partitions) or clock.time() >= deadline:
                return result
            await asyncio.sleep(_WAIT_POLL_SECONDS)


class _Tally:
    """Counts the predictions and dead letters of each input, by partition and offset.

    Args:
        settings: the topics.
        partitions: partition count of the input topic.
        topic_id: the broker's id of the input topic; None if there is none.
        on_progress: called after each batch with the number of records read so far.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        topic_id: str | None,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self._settings = settings
        self._topic_id = topic_id
        self._on_progress = on_progress or (lambda _: None)
        # Each partition has chunks of three rows: whether there is an input, its predictions, its dead letters. They
        # are bytearrays, because incrementing an element of a numpy array takes three times as long.
        self._chunks: list[defaultdict[int, bytearray]] = [
            defaultdict(lambda: bytearray(3 * _CHUNK)) for _ in range(partitions)
        ]
        self._records = self._elsewhere = self._earlier = self._unreadable = 0

    async def read(self, reader: TopicReader) -> None:
        """Count the records that arrived since the last call, up to the present ends."""
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
        source = _source_of_prediction(record.value) if is_prediction else _source_of_letter(record.headers)
        if source is None:
            self._unreadable += 1
            return
        (topic, partition, offset), topic_id = source
        if topic != self._settings.input_topic or not 0 <= partition < len(self._chunks) or offset < 0:
            self._elsewhere += 1
            return
        if None not in (topic_id, self._topic_id) and topic_id != self._topic_id:
            self._earlier += 1
            return
        chunk = self._chunks[partition][offset // _CHUNK]
        index = offset % _CHUNK + (_CHUNK if is_prediction else 2 * _CHUNK)
        chunk[index] = min(chunk[index] + 1, _MOST)

    def result(self, committed: dict[int, Committed], ends: TopicEnds) -> Audit:
        """Returns the audit of what was counted, given the workers' committed offsets and the topic's ends."""
        parts = [self._partition(number, committed.get(number), ends) for number in range(len(self._chunks))]
        return Audit(parts, self._elsewhere, self._earlier, self._unreadable)

    def _partition(self, number: int, committed: Committed | None, ends: TopicEnds) -> PartitionAudit:
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
        offset = None if committed is None else committed.offset
        is_lost = missing < (0 if offset is None else offset)
        held_back = ends.ends[number] - ends.stable[number]
        return PartitionAudit(
            *(number, offset, inputs, scored, dead, one),
            *(missing[is_lost], missing[~is_lost], np.concatenate(several), unmatched),
            removed=_removed(committed, ends.beginnings[number]),
            held_back=held_back,
            held_from=ends.stable[number] if held_back else None,
        )


def _of_this_topic(committed: dict[int, Committed], topic_id: str | None) -> dict[int, Committed]:
    """Returns the committed offsets without those of a deleted topic of the same name."""
    return {
        number: found
        for number, found in committed.items()
        if None in (found.note.topic_id, topic_id) or found.note.topic_id == topic_id
    }


def _removed(committed: Committed | None, beginning: int) -> Removed:
    """Returns what retention removed before it was scored, including what the workers have not noticed yet."""
    if committed is None:
        return Removed()
    loss = committed.note.loss
    noticed = Removed() if loss is None else Removed(loss.records, loss.first, loss.last)
    if committed.offset >= beginning:
        return noticed
    return Removed(noticed.records + beginning - committed.offset, committed.offset, beginning - 1)


def _source_of_prediction(value: bytes | None) -> Source | None:
    try:
        source = wire.decode_prediction(value or b"").source
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    topic_id = None if source.topic_id is msgspec.UNSET else source.topic_id
    return (source.topic, source.partition, source.offset), topic_id


def _source_of_letter(headers: Iterable[dead_letter.Header]) -> Source | None:
    letter = dead_letter.parse(headers)
    return None if letter.source is None else (letter.source, letter.topic_id)
