"""Which part of a topic to read: a span of time, or offsets."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ratecast.errors import UsageError
from ratecast.field_faults import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

Moment = dt.datetime | dt.timedelta | str

_AGE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Span:
    """A part of a topic; by default all of it.

    Attributes:
        since_ms: leave out records with an earlier timestamp, in milliseconds since 1970.
        until_ms: leave out records with this timestamp or a later one.
        first_offsets: where to begin, by partition. A partition that is not named begins at its beginning.
        end_offsets: where to stop, by partition: the offset after the last one. The present end if not named.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    first_offsets: Mapping[int, int] = field(default_factory=dict)
    end_offsets: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.since_ms is not None and self.until_ms is not None and self.since_ms >= self.until_ms:
            raise UsageError("the span is empty: since must be before until")
        for name, offsets in (("first_offsets", self.first_offsets), ("end_offsets", self.end_offsets)):
            for partition, offset in offsets.items():
                if not _is_count(partition) or not _is_count(offset):
                    raise UsageError(
                        f"{name} must have an offset for each partition, like {{0: 1200}}, got {partition!r}: {offset!r}"
                    )

    def contains(self, timestamp_ms: int) -> bool:
        """Return whether a record with this timestamp belongs to the span of time."""
        return (self.since_ms is None or timestamp_ms >= self.since_ms) and (
            self.until_ms is None or timestamp_ms < self.until_ms
        )


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def milliseconds(moment: Moment | None, now: dt.datetime, name: str) -> int | None:
    """Return a moment in milliseconds since 1970; None stays None.

    Args:
        moment: a datetime (UTC if it has no zone), a timedelta before now, or a text: an ISO date or date-time, or an age
            like ``90m``, ``12h``, ``7d`` or ``2w``.
        now: the present, with a time zone.
        name: the argument, for the error message.

    Raises:
        UsageError: it is none of these.

    >>> now = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    >>> milliseconds("2026-11-27", now, "since") == milliseconds("1d", now, "since")
    True
    """
    if moment is None:
        return None
    try:
        return (_moment(moment, now) - _EPOCH) // dt.timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} must be a time like 2026-11-28 or 2026-11-28T09:30+01:00, or an age like 7d, 12h or 90m, "
            f"got {shown(moment)}"
        ) from None


def _moment(moment: object, now: dt.datetime) -> dt.datetime:
    if isinstance(moment, str):
        age = _AGE.fullmatch(moment.strip())
        moment = (
            dt.datetime.fromisoformat(moment.strip())
            if age is None
            else dt.timedelta(**{_UNITS[age[2]]: int(age[1])})
        )
    if isinstance(moment, dt.timedelta):
        return now - moment
    if not isinstance(moment, dt.datetime):
        raise ValueError(moment)  # noqa: TRY004 - reported with the others, as a UsageError
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
