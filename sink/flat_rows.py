"""Turns records into rows of the sink's tables: flat, typed, and with a reason for what is not ours.

Whatever a topic holds becomes exactly one row: a prediction, a dead letter, or a rejected record. What counts as a
prediction or a dead letter is what `ratecast verify` counts, if its values fit the columns.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ratecast.contract import dead_letter, wire
from ratecast.contract.dead_letter_json import readable
from ratecast.contract.messages import PAIR_PATTERN, check_iso_date_or_time
from ratecast.contract.unreadable import Unreadable
from ratecast.errors import ErrorCode, RecordError
from sink.sink_tables import DEAD_LETTERS, PREDICTIONS, REJECTED, Table

if TYPE_CHECKING:
    from ratecast.contract.record import Record

KEPT_BYTES = 65_536  # of a rejected record's key and of its value; the topic has the rest
_PAIR = re.compile(PAIR_PATTERN)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONGEST_NAME = 249  # of a topic in Kafka
_LONGEST_TEXT = 1024  # of what a prediction says in one word or identifier
_INTEGER = 2**31 - 1
_BIGINT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One record as a row.

    Attributes:
        table: the table it belongs to.
        record: the record, for the case that the database refuses the row.
        values: a value for each column of the table.
    """

    table: Table
    record: Record
    values: tuple[Any, ...]


class _NotOursError(ValueError):
    """A record is neither a prediction nor a dead letter; the message says why."""


def prediction_row(record: Record, topic_key: int) -> Row:
    """Returns a record of the predictions' topic as a row, of the rejected ones if it is no prediction."""
    try:
        return Row(PREDICTIONS, record, (*_place(record, topic_key), *_prediction(record.value)))
    except _NotOursError as error:
        return rejected_row(record, topic_key, f"not a prediction: {error}")


def dead_letter_row(record: Record, topic_key: int) -> Row:
    """Returns a record of the dead letters' topic as a row, of the rejected ones if it is no dead letter."""
    try:
        return Row(DEAD_LETTERS, record, (*_place(record, topic_key), *_letter(record)))
    except _NotOursError as error:
        return rejected_row(record, topic_key, f"not a dead letter: {error}")


def rejected_row(record: Record, topic_key: int, reason: str) -> Row:
    """Returns any record as a row of the rejected ones, with the beginning of its key and value."""
    value = None if isinstance(record.value, Unreadable) else record.value
    cause = RecordError(ErrorCode.INVALID_JSON, reason).message  # one line of printable characters
    values = (
        *(topic_key, record.partition, record.offset, _moment(record.timestamp), cause),
        *(_beginning(record.key), _beginning(value), None if value is None else len(value)),
    )
    return Row(REJECTED, record, values)


def _place(record: Record, topic_key: int) -> tuple[Any, ...]:
    if isinstance(record.value, Unreadable):
        raise _NotOursError(record.value.reason)
    moment = _moment(record.timestamp)
    if moment is None:
        raise _NotOursError("the record has no timestamp, or one beyond the calendar")
    return topic_key, record.partition, record.offset, moment


def _prediction(value: bytes | None) -> tuple[Any, ...]:
    if not value:
        raise _NotOursError("the value is null" if value is None else "the value is empty")
    try:
        row = wire.decode_prediction(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _NotOursError(str(error)) from None
    if not _PAIR.fullmatch(row.pair):
        raise _NotOursError(f"pair is not like EUR/USD: {row.pair[:40]!r}")
    features, scores, bounds = row.features, row.drift.scores, row.intervals
    return (
        *(_short("message_id", row.message_id), row.pair, row.as_of, _rate_time(row.as_of)),
        *(_day(row.target), row.prediction, row.baseline, *bounds.level_80, *bounds.level_95),
        _short("interval_quality", row.interval_quality),
        *(features.lag_1, features.lag_2, features.lag_3, features.return_1, features.return_2),
        *(row.drift.is_drift, row.drift.features, _json(scores)),
        *(row.alerts, _json(row.alert_messages), _json(row.horizons), _json(row.quantiles)),
        *(_short("model_version", row.model_version), _scored_at(row.scored_at)),
        *_source(
            row.source.topic, _unset_is_none(row.source.topic_id), row.source.partition, row.source.offset
        ),
    )


def _letter(record: Record) -> tuple[Any, ...]:
    headers = dead_letter.parse(record.headers)
    if headers.topic is None or headers.partition is None or headers.offset is None:
        raise _NotOursError("its headers do not say which record it was made from (ratecast.source.*)")
    key = (record.key or b"").decode("utf-8", "replace")
    original = [[name, readable(value)] for name, value in dead_letter.original(record.headers)]
    length = headers.value_bytes
    if length is None and record.value is not None:
        length = len(record.value)
    return (
        *(_text(headers.code), _text(headers.message), key if _PAIR.fullmatch(key) else None),
        *(record.key, record.value, None if length is None else min(length, _BIGINT)),
        *(_text(msgspec.json.encode(original).decode()) if original else None, headers.hops),
        _moment(headers.timestamp),
        *_source(headers.topic, headers.topic_id, headers.partition, headers.offset),
    )


def _source(topic: str, topic_id: str | None, partition: int, offset: int) -> tuple[Any, ...]:
    if len(topic) > _LONGEST_NAME or len(topic_id or "") > _LONGEST_NAME:
        raise _NotOursError("its source is no topic of Kafka: the name is too long")
    if not (0 <= partition <= _INTEGER and 0 <= offset <= _BIGINT):
        raise _NotOursError(f"its source is no place in Kafka: partition {partition}, offset {offset}")
    return _text(topic), _text(topic_id), partition, offset


def _moment(milliseconds: int | None) -> dt.datetime | None:
    """Return a Kafka timestamp as a moment; None if there is none or no calendar has it."""
    if milliseconds is None or milliseconds < 0:
        return None
    try:
        return _EPOCH + dt.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _rate_time(as_of: str | None) -> str | None:
    """Return the time of the newest rate; UTC if it names no other zone, and midnight for a date."""
    if as_of is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(check_iso_date_or_time(as_of))
    except ValueError as error:
        raise _NotOursError(f"as_of {error}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).isoformat()


def _day(target: str | msgspec.UnsetType) -> dt.date | None:
    if isinstance(target, msgspec.UnsetType):
        return None
    try:
        return dt.date.fromisoformat(target)
    except ValueError:
        raise _NotOursError(f"target is no day of the calendar: {target[:40]!r}") from None


def _scored_at(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise _NotOursError(f"scored_at is no time: {text[:40]!r}") from None
    if moment.tzinfo is None:
        raise _NotOursError("scored_at has no time zone")
    return moment


def _short(name: str, text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise _NotOursError(f"{name} has {len(text)} characters")
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def _text(text: str | None) -> str | None:
    """Return a text without NUL characters, which PostgreSQL cannot store."""
    return None if text is None else text.replace("\0", "\N{SYMBOL FOR NULL}")


def _json(value: Any) -> str | None:
    """Return a value as JSON text for a column of type jsonb; None if the prediction does not have it."""
    return None if value is msgspec.UNSET or not value else msgspec.json.encode(value).decode()


def _unset_is_none(value: str | msgspec.UnsetType) -> str | None:
    return None if isinstance(value, msgspec.UnsetType) else value


def _beginning(content: bytes | None) -> bytes | None:
    return None if content is None else content[:KEPT_BYTES]
