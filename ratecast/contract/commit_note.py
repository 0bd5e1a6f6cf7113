"""The note that a worker commits with each offset: the topic's id, and the records that retention removed.

Kafka stores a short text, the metadata, with every committed offset. An offset set by another tool has no note, and
workers then use it without these checks. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Records that retention removed before they were scored.

    Attributes:
        records: how many since the group began. Each transaction of the publisher counts as one more.
        first: offset of the first record of the latest loss.
        last: offset of its last record.
        noticed_at: when the latest loss was noticed, ISO 8601.
    """

    records: Count
    first: Count
    last: Count
    noticed_at: str


class CommitNote(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The contents of a note.

    Attributes:
        topic_id: the broker's id of the topic; None if the broker assigns none.
        loss: the records lost so far; None if there are none.
    """

    topic_id: str | None = None
    loss: Loss | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A group's committed offset of a partition, and its note."""

    offset: int
    note: CommitNote


_decoder = msgspec.json.Decoder(CommitNote)


def encode(note: CommitNote) -> str:
    """Returns the text to commit; the empty text for an empty note.

    >>> encode(CommitNote("AAECAwQFBgcICQoLDA0ODw")), encode(CommitNote())
    ('{"topic_id":"AAECAwQFBgcICQoLDA0ODw"}', '')
    """
    return "" if note == CommitNote() else msgspec.json.encode(note).decode()


def decode(text: str | None) -> CommitNote:
    """Returns the note in a committed text; an empty note if another program wrote the text.

    >>> decode('{"topic_id":"x"}').topic_id, decode("offset reset by hand"), decode("")
    ('x', CommitNote(topic_id=None, loss=None), CommitNote(topic_id=None, loss=None))
    """
    try:
        return _decoder.decode(text or "")
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return CommitNote()
