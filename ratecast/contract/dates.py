"""The dates that messages carry, and their days since 1970-01-01."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import msgspec

EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
# Room for 61 dates with a space after each comma, and as much again. Longer lists would fill the memory.
_USUAL_LENGTH = 2 * 61 * len('"2026-10-30", ')
_decode = msgspec.json.Decoder(list[dt.date] | None).decode
# All pairs of a feed have the same days, so most messages only look their dates up. Wrong dates raise and are not kept.
_decode_usual = lru_cache(maxsize=256)(_decode)


def decode(times: bytes) -> list[dt.date] | None:
    """Decode the JSON of a message's ``times``; messages of the same days share one list, which nothing may change.

    Raises:
        msgspec.DecodeError: it is neither null nor a list of dates.
    """
    dates: list[dt.date] | None = (_decode_usual if len(times) <= _USUAL_LENGTH else _decode)(times)
    return dates


def day_number(text: str) -> int:
    """Return the days from 1970-01-01 to the day of an ISO 8601 date or date-time.

    >>> day_number("1970-01-02"), day_number("2026-10-30T14:15:00Z")
    (1, 20756)
    """
    return _day_number(text[:10])


@lru_cache(maxsize=4096)
def _day_number(date: str) -> int:
    return dt.date.fromisoformat(date).toordinal() - EPOCH_ORDINAL
