"""The note that a worker leaves with each committed offset: which topic the offset is of, and what was lost there.

Kafka keeps a short text, the metadata, beside every committed offset, and a transaction commits the two together. An
offset moved by somebody's tool carries no note, and is then taken as it stands. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Records that retention removed before they were scored.

    Attributes:
        records: how many since the group began; each transaction of the publisher counts one more.
        first: offset of the first record of the latest loss.
        last: offset of its last record.
        noticed_at: when the latest loss was noticed, ISO 8601.
    """

    records: Count
    first: Count
    last: Count
    noticed_at: str


class CommitNote(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is written beside a committed offset.

    Attributes:
        topic_id: the broker's id of the topic; None where brokers give none.
        loss: None while nothing was lost.
    """

    topic_id: str | None = None
    loss: Loss | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A group's committed offset of a partition and the note beside it."""

    offset: int
    note: CommitNote


_decoder = msgspec.json.Decoder(CommitNote)


def encode(note: CommitNote) -> str:
    """The note as the text that is committed; a note that says nothing is no text.

    >>> encode(CommitNote("AAECAwQFBgcICQoLDA0ODw")), encode(CommitNote())
    ('{"topic_id":"AAECAwQFBgcICQoLDA0ODw"}', '')
    """
    return "" if note == CommitNote() else msgspec.json.encode(note).decode()


def decode(text: str | None) -> CommitNote:
    """The note in a committed text; what others commit has none.

    >>> decode('{"topic_id":"x"}').topic_id, decode("offset reset by hand"), decode("")
    ('x', CommitNote(topic_id=None, loss=None), CommitNote(topic_id=None, loss=None))
    """
    try:
        return _decoder.decode(text or "")
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return CommitNote()
