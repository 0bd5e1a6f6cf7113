"""Where reading a partition begins, decided from what is committed and from what the broker holds: pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ratecast.contract.commit_note import CommitNote, Committed, Loss

if TYPE_CHECKING:
    import datetime as dt


class Cause(StrEnum):
    """Why reading begins somewhere else than at a committed offset of the same topic."""

    NOTHING_COMMITTED = "nothing committed"
    TOPIC_MADE_ANEW = "topic made anew"
    REMOVED_BY_RETENTION = "removed by retention"


@dataclass(frozen=True, slots=True)
class Holding:
    """What the broker holds of a partition.

    Attributes:
        topic_id: of its topic, None where brokers give none.
        beginning: offset of the first record.
        end: offset after the last one that is committed.
    """

    topic_id: str | None
    beginning: int
    end: int


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin.

    Attributes:
        offset: of the first record to read.
        note: to be committed from now on.
        cause: None when reading simply goes on.
        removed: records that retention removed unscored.
    """

    offset: int
    note: CommitNote
    cause: Cause | None = None
    removed: int = 0


class OffsetBeyondEndError(Exception):
    """A committed offset lies beyond the end of the very topic that it was committed for."""


def start_of(committed: Committed | None, holding: Holding, now: dt.datetime) -> Start:
    """Where to begin reading.

    Without topic ids a topic made anew shows only while it ends below the committed offset.

    Args:
        committed: the group's offset, None when it has none.
        holding: what the broker holds.
        now: noted with a loss.

    Raises:
        OffsetBeyondEndError: the broker has lost records that were read, or does not show them yet.

    >>> import datetime as dt
    >>> now, holding = dt.datetime(2026, 1, 2), Holding("a", 40, 90)
    >>> start_of(Committed(50, CommitNote("a")), holding, now).offset
    50
    >>> start_of(Committed(50, CommitNote("b")), holding, now).cause.value
    'topic made anew'
    >>> start = start_of(Committed(30, CommitNote("a")), holding, now)
    >>> start.offset, start.removed, start.note.loss.first, start.note.loss.last
    (40, 10, 30, 39)
    """
    anew = CommitNote(holding.topic_id)
    if committed is None:
        return Start(holding.beginning, anew, Cause.NOTHING_COMMITTED)
    known = committed.note.topic_id is not None and holding.topic_id is not None
    if known and committed.note.topic_id != holding.topic_id:
        return Start(holding.beginning, anew, Cause.TOPIC_MADE_ANEW)
    if committed.offset > holding.end:
        if known:
            raise OffsetBeyondEndError(
                f"the committed offset {committed.offset} is beyond the partition's end {holding.end}"
            )
        return Start(holding.beginning, anew, Cause.TOPIC_MADE_ANEW)
    note = CommitNote(holding.topic_id, committed.note.loss)
    removed = holding.beginning - committed.offset
    if removed <= 0:
        return Start(committed.offset, note)
    before = 0 if note.loss is None else note.loss.records
    loss = Loss(before + removed, committed.offset, holding.beginning - 1, now.isoformat(timespec="seconds"))
    return Start(holding.beginning, CommitNote(holding.topic_id, loss), Cause.REMOVED_BY_RETENTION, removed)
