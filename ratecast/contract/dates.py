"""The dates that messages carry, and their days since 1970-01-01."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
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
    return dt.date.fromisoformat(date).toordinal() - _EPOCH_ORDINAL


def day_numbers(times: Sequence[Sequence[dt.date]], index: int) -> NDArray[np.float64]:
    """Return the days since 1970-01-01 of one date of each sequence, ``(n,)``; NaN where a sequence is too short.

    Args:
        times: n sequences of dates.
        index: which date, as Python indexes: 0 is the first, -1 the last.

    >>> day_numbers([[dt.date(1969, 12, 30), dt.date(1970, 1, 2)], [dt.date(1970, 1, 1)]], -2).tolist()
    [-2.0, nan]
    """
    shortest = index + 1 if index >= 0 else -index
    found = [dates[index].toordinal() if len(dates) >= shortest else np.nan for dates in times]
    return np.array(found, dtype=np.float64) - _EPOCH_ORDINAL


def last_day_numbers(times: Sequence[Sequence[dt.date]], count: int) -> NDArray[np.float64]:
    """Return the days since 1970-01-01 of the last dates of each sequence, newest last, ``(n, count)``.

    Short sequences begin with NaN.

    >>> last_day_numbers([[dt.date(1969, 12, 30), dt.date(1970, 1, 2)]], 3).tolist()
    [[nan, -2.0, 1.0]]
    """
    result = np.full((len(times), count), np.nan)
    for row, dates in enumerate(times):
        newest = [date.toordinal() for date in dates[-count:]]
        result[row, count - len(newest) :] = newest
    return result - _EPOCH_ORDINAL
