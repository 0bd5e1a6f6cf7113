"""Decides where to start reading a partition, from the committed offset and the broker's state. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ratecast.contract.commit_note import CommitNote, Committed, Loss

if TYPE_CHECKING:
    import datetime as dt


class Cause(StrEnum):
    """Why reading does not start at the committed offset."""

    NOTHING_COMMITTED = "nothing committed"
    TOPIC_RECREATED = "topic recreated"
    REMOVED_BY_RETENTION = "removed by retention"


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What the broker has of a partition.

    Attributes:
        topic_id: Id of its topic; None if the broker does not support topic ids.
        first: Offset of the first record.
        end: Offset after the last committed record.
    """

    topic_id: str | None
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Start:
    """Where to start.

    Attributes:
        offset: Offset of the first record to read.
        note: The note to commit with every offset from now on.
        cause: Why it is not the committed offset; None if it is.
        removed: Number of records that retention removed before they were scored.
    """

    offset: int
    note: CommitNote
    cause: Cause | None = None
    removed: int = 0


class OffsetBeyondEndError(Exception):
    """The committed offset is beyond the end of the topic it was committed for."""


def start_of(committed: Committed | None, state: PartitionState, now: dt.datetime) -> Start:
    """Return where to start reading.

    Without topic ids, a recreated topic is recognised only while it ends below the committed offset.

    Args:
        committed: The group's committed offset; None if it has none.
        state: What the broker has of the partition.
        now: Time that is recorded with a loss.

    Raises:
        OffsetBeyondEndError: The broker lost records that were read, or does not show them yet.

    >>> import datetime as dt
    >>> now, state = dt.datetime(2026, 1, 2), PartitionState("a", 40, 90)
    >>> start_of(Committed(50, CommitNote("a")), state, now).offset
    50
    >>> start_of(Committed(50, CommitNote("b")), state, now).cause.value
    'topic recreated'
    >>> start = start_of(Committed(30, CommitNote("a")), state, now)
    >>> start.offset, start.removed, start.note.loss.first, start.note.loss.last
    (40, 10, 30, 39)
    """
    new_note = CommitNote(state.topic_id)
    if committed is None:
        return Start(state.first, new_note, Cause.NOTHING_COMMITTED)
    known = committed.note.topic_id is not None and state.topic_id is not None
    if known and committed.note.topic_id != state.topic_id:
        return Start(state.first, new_note, Cause.TOPIC_RECREATED)
    if committed.offset > state.end:
        if known:
            raise OffsetBeyondEndError(
                f"the committed offset {committed.offset} is beyond the partition's end {state.end}"
            )
        return Start(state.first, new_note, Cause.TOPIC_RECREATED)
    note = CommitNote(state.topic_id, committed.note.loss)
    removed = state.first - committed.offset
    if removed <= 0:
        return Start(committed.offset, note)
    before = 0 if note.loss is None else note.loss.records
    loss = Loss(before + removed, committed.offset, state.first - 1, now.isoformat(timespec="seconds"))
    return Start(state.first, CommitNote(state.topic_id, loss), Cause.REMOVED_BY_RETENTION, removed)
