"""The columns of dead letters: flat, typed, with the unit in the name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from ratecast.contract import dead_letter
from ratecast.contract.dead_letter_json import readable
from ratecast.contract.messages import PAIR_PATTERN
from ratecast.contract.unreadable import Unreadable
from ratecast.data.column_types import (
    BYTES,
    INPUT_PLACE,
    INT64,
    MILLISECONDS,
    PLACE,
    TEXT,
    Column,
    LeftOutError,
    input_place,
    moment,
    place,
)

if TYPE_CHECKING:
    from ratecast.contract.record import Record

_PAIR = re.compile(PAIR_PATTERN)
_MOST = 2**63 - 1

COLUMNS: tuple[Column, ...] = (
    *PLACE,
    Column("code", TEXT, "why the record was not scored"),
    Column("message", TEXT, "the reason in words"),
    Column("pair", TEXT, "the record's key, if it is a pair"),
    Column("key", BYTES, "the record's key"),
    Column("value", BYTES, "the record's value, cut if it did not fit the topic"),
    Column("value_length_bytes", INT64, "length of the whole value"),
    Column("headers_json", TEXT, "the record's own headers as JSON; null if it had none"),
    Column("redelivered_times", INT64, "how many times it was redelivered; null if never"),
    Column("input_published_at_utc", MILLISECONDS, "timestamp of the record on the input topic"),
    *INPUT_PLACE,
)


def dead_letter_values(record: Record) -> tuple[Any, ...]:
    """Return a value for each column.

    Raises:
        LeftOutError: the record is no dead letter; the message says why.
    """
    if isinstance(record.value, Unreadable):
        raise LeftOutError(record.value.reason)
    letter = dead_letter.parse(record.headers)
    if letter.topic is None or letter.partition is None or letter.offset is None:
        raise LeftOutError(
            "not a dead letter: its headers do not say which record it was made from (ratecast.source.*)"
        )
    key = (record.key or b"").decode("utf-8", "replace")
    original = [[name, readable(value)] for name, value in dead_letter.original(record.headers)]
    length = letter.value_bytes
    if length is None and record.value is not None:
        length = len(record.value)
    return (
        *place(record),
        *(letter.code, letter.message, key if _PAIR.fullmatch(key) else None),
        *(record.key, record.value, None if length is None else min(length, _MOST)),
        *(msgspec.json.encode(original).decode() if original else None, letter.hops),
        moment(letter.timestamp),
        *input_place(letter.topic, letter.topic_id, letter.partition, letter.offset),
    )
