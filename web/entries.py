"""Alerts and dead letters as the page shows them."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from ratecast.contract import dead_letter
from ratecast.contract.messages import PAIR_PATTERN
from ratecast.contract.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.contract.record import Record
    from ratecast.contract.wire import PredictionRow

_MOST_CHARACTERS = 2000  # of a raw value
_MOST_WORDS = 500
_LONGEST_CODE = 64
_is_pair = re.compile(PAIR_PATTERN).fullmatch


class AlertEntry(msgspec.Struct):
    """One alert of one prediction."""

    id: str
    at: str
    pair: str
    code: str
    words: str
    as_of: str | None
    scored_at: str
    message_id: str
    topic: str
    partition: int
    offset: int
    kind: str = "alert"


class LetterEntry(msgspec.Struct):
    """One dead letter."""

    id: str
    at: str
    pair: str | None
    code: str | None
    words: str
    topic: str
    partition: int
    offset: int
    source_topic: str | None
    source_partition: int | None
    source_offset: int | None
    raw: str
    raw_bytes: int
    truncated: bool
    remedy: str
    message_id: str | None
    kind: str = "dead_letter"

    @property
    def source(self) -> dead_letter.Place | None:
        """Place of the record that could not be scored."""
        if self.source_topic is None or self.source_partition is None or self.source_offset is None:
            return None
        return self.source_topic, self.source_partition, self.source_offset


class _Identified(msgspec.Struct):
    message_id: str | None = None
    pair: str | None = None


_identify = msgspec.json.Decoder(_Identified).decode


def alert_entries(row: PredictionRow, record: Record, number: int) -> Iterator[AlertEntry]:
    """Yield an entry for each alert of a prediction."""
    words = {} if row.alert_messages is UNSET else row.alert_messages
    for code in row.alerts[:20]:
        yield AlertEntry(
            id=f"{number}-{code[:_LONGEST_CODE]}",
            at=moment(record.timestamp),
            pair=row.pair,
            code=code[:_LONGEST_CODE],
            words=words.get(code, code)[:_MOST_WORDS],
            as_of=row.as_of,
            scored_at=row.scored_at,
            message_id=row.message_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )


def letter_entry(record: Record, number: int) -> LetterEntry:
    """Return the entry of a dead letter. It never raises: anybody may write to the topic, in any form."""
    headers = dead_letter.parse(record.headers)
    value = record.value or b""
    message_id, pair = _identity(value)
    if message_id is None and headers.source is not None:
        message_id = "-".join(map(str, headers.source))
    if pair is None and record.key is not None:
        key = record.key.decode("utf-8", "replace")
        pair = key if _is_pair(key) else None
    unreadable = value.reason if isinstance(value, Unreadable) else None
    return LetterEntry(
        id=str(number),
        at=moment(record.timestamp),
        pair=pair,
        code=None if headers.code is None else headers.code[:_LONGEST_CODE],
        words=(headers.message or unreadable or "The dead letter does not say why.")[:_MOST_WORDS],
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        source_topic=headers.topic,
        source_partition=headers.partition,
        source_offset=headers.offset,
        raw=readable_text(value),
        raw_bytes=len(value) if headers.value_bytes is None else headers.value_bytes,
        truncated=len(value) > _MOST_CHARACTERS or dead_letter.is_value_cut(record.headers),
        remedy=(
            f"ratecast dead-letters redeliver --partition {record.partition} "
            f"--from-offset {record.offset} --to-offset {record.offset}"
        ),
        message_id=message_id,
    )


def _identity(value: bytes) -> tuple[str | None, str | None]:
    """Return message id and pair of a raw value, if they can be read."""
    try:
        found = _identify(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    message_id = found.message_id if found.message_id and len(found.message_id) <= 128 else None
    return message_id, found.pair if found.pair and _is_pair(found.pair) else None


def readable_text(value: bytes) -> str:
    r"""Return bytes as at most 2,000 printable characters, everything else escaped.

    >>> readable_text(b'{"pair": "\xff\n"}')
    '{"pair": "\\xff\\n"}'
    """
    text = value[: 4 * _MOST_CHARACTERS].decode("utf-8", "backslashreplace")[:_MOST_CHARACTERS]
    if not text.isprintable():
        text = "".join(
            sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
        )
    return text[:_MOST_CHARACTERS]


def moment(milliseconds: int) -> str:
    """Return a broker's timestamp as ISO 8601 in UTC; the beginning of 1970 if a foreign client wrote no possible time.

    >>> moment(1_761_825_600_123), moment(-1)
    ('2025-10-30T12:00:00.123000+00:00', '1970-01-01T00:00:00+00:00')
    """
    try:
        return dt.datetime.fromtimestamp(max(0, milliseconds) / 1000, dt.UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC).isoformat()
