"""What a column is, and the columns that predictions and dead letters have in common: where a record and its input stand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratecast.contract.record import Record

# Arrow's names of the types.
TEXT, BYTES, FLAG = "string", "binary", "bool"
NUMBER, INT32, INT64 = "float64", "int32", "int64"
DATE, MILLISECONDS, MICROSECONDS = "date32", "timestamp_ms", "timestamp_us"

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOST_MILLISECONDS = 253_402_300_799_999  # the end of the year 9999, behind which no calendar goes
_INT32, _INT64 = 2**31, 2**63


class LeftOutError(ValueError):
    """A record has no row; the message says why."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name, with the unit.
        kind: its type, one of the above.
        meaning: what it holds, for the documentation.
    """

    name: str
    kind: str
    meaning: str


PLACE = (
    Column("kafka_partition", INT32, "partition of the record"),
    Column("kafka_offset", INT64, "offset of the record"),
    Column("published_at_utc", MILLISECONDS, "timestamp of the record on the broker"),
)
INPUT_PLACE = (
    Column("input_topic", TEXT, "topic of the input that it was made from"),
    Column("input_topic_id", TEXT, "the broker's id of that topic; null if it gives none"),
    Column("input_partition", INT32, "partition of the input"),
    Column("input_offset", INT64, "offset of the input"),
)


def place(record: Record) -> tuple[Any, ...]:
    """Return the values of `PLACE`."""
    return record.partition, record.offset, moment(record.timestamp)


def input_place(topic: str, topic_id: str | None, partition: int, offset: int) -> tuple[Any, ...]:
    """Return the values of `INPUT_PLACE`.

    Raises:
        LeftOutError: there can be no such place in Kafka.
    """
    if not (0 <= partition < _INT32 and 0 <= offset < _INT64):
        raise LeftOutError(f"its source is no place in Kafka: partition {partition}, offset {offset}")
    return topic, topic_id, partition, offset


def moment(milliseconds: int | None) -> dt.datetime | None:
    """Return a timestamp of Kafka as a moment; None if there is none, or if no calendar has it."""
    if milliseconds is None or not 0 <= milliseconds <= _MOST_MILLISECONDS:
        return None
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)
