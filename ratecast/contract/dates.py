"""Arrays of ISO 8601 dates in JSON, checked for a whole batch at once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_ENTRY = len('"2026-10-30"')
_DIGITS = [1, 2, 3, 4, 6, 7, 9, 10]
_MARKS = [0, 5, 8, 11]
_MARK_BYTES = np.frombuffer(b'"--"', np.uint8)
# YYYYMMDD times this is months since the year 0, counted from 1, and days: whole numbers that a float32 holds exactly.
_MONTHS_AND_DAYS = np.array(
    [[12_000, 1_200, 120, 12, 10, 1, 0, 0], [0, 0, 0, 0, 0, 0, 10, 1]], dtype=np.float32
).T
_FIRST_OF_MONTH = (
    np.arange("0000-01", "10000-01", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int32)
)
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def malformed(arrays: Sequence[tuple[bytes | memoryview, int]]) -> list[int]:
    """Positions of those JSON arrays that are not surely so many well-formed dates.

    "Surely" means one of the two usual spellings, ``["2026-10-30","..."]`` or with a space after each comma.
    Any other spelling is reported too, for a slower judge.

    Args:
        arrays: each JSON text with the number of dates it must hold.

    >>> malformed([(b'["2026-10-30","2026-10-31"]', 2), (b'["2026-02-30", "2026-03-01"]', 2)])
    [1]
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for position, (text, count) in enumerate(arrays):
        groups[len(text), count].append(position)
    bad: list[int] = []
    for (length, count), positions in groups.items():
        if count < 1 or length not in {count * (_ENTRY + 1) + 1, count * (_ENTRY + 2)}:
            bad += positions
            continue
        stride = _ENTRY + 1 if length == count * (_ENTRY + 1) + 1 else _ENTRY + 2
        good = _well_formed((arrays[i][0] for i in positions), length, count, stride)
        bad += [position for position, is_good in zip(positions, good.tolist(), strict=True) if not is_good]
    return sorted(bad)


def day_number(text: str) -> int:
    """Days from 1970-01-01 to the day of an ISO 8601 date or date-time.

    >>> day_number("1970-01-02"), day_number("2026-10-30T14:15:00Z")
    (1, 20756)
    """
    return _day_number(text[:10])


@lru_cache(maxsize=4096)
def _day_number(date: str) -> int:
    return dt.date.fromisoformat(date).toordinal() - _EPOCH_ORDINAL


def day_numbers(arrays: Sequence[tuple[bytes | memoryview, int]], back: Sequence[int]) -> NDArray[np.float64]:
    """Days since 1970-01-01 of entries counted from the end, shape ``(n, len(back))``; NaN where there is none.

    Args:
        arrays: JSON arrays of dates that `malformed` does not report, each with its number of dates.
        back: which entries: 0 is the last, 1 the one before it, -1 the first.

    >>> day_numbers([(b'["1969-12-30","1970-01-02"]', 2)], (0, 1, 2, -1)).tolist()
    [[1.0, -2.0, nan, -2.0]]
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for position, (text, count) in enumerate(arrays):
        groups[len(text), count].append(position)
    result = np.full((len(arrays), len(back)), np.nan)
    for (length, count), positions in groups.items():
        block = np.frombuffer(b"".join(arrays[i][0] for i in positions), np.uint8).reshape(-1, length)
        stride = _ENTRY + 1 if length == count * (_ENTRY + 1) + 1 else _ENTRY + 2
        entries = [count - 1 - steps if steps >= 0 else -1 - steps for steps in back]
        columns = [column for column, entry in enumerate(entries) if 0 <= entry < count]
        begins = np.array([1 + entries[column] * stride for column in columns], dtype=np.intp)
        # All columns in one take: a feed of seven days a week asks for sixty of them.
        digits = block[:, (begins[:, None] + _DIGITS).ravel()] - np.uint8(ord("0"))
        found = _days_since_epoch(digits.reshape(-1, len(_DIGITS)))
        result[np.ix_(positions, columns)] = found.reshape(len(positions), -1)
    return result


def _days_since_epoch(digits: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Days since 1970-01-01 of ``YYYYMMDD``, ``(n, 8)``, by numpy's own calendar."""
    months, days = (digits.astype(np.float32) @ _MONTHS_AND_DAYS).astype(np.int32).T
    result: NDArray[np.int32] = _FIRST_OF_MONTH[months - 1] + days - 1
    return result


def _well_formed(
    texts: Iterable[bytes | memoryview], length: int, count: int, stride: int
) -> NDArray[np.bool_]:
    """Whether each text of ``length`` bytes is ``count`` dates, an entry every ``stride`` bytes."""
    block = np.frombuffer(b"".join(texts), np.uint8).reshape(-1, length)
    # The last entry ends in "]" where the others end in "," (and a space): make all entries alike.
    body = np.empty((len(block), count * stride), np.uint8)
    body[:, : length - 2] = block[:, 1:-1]
    separator = np.frombuffer(b", "[: stride - _ENTRY], np.uint8)
    body[:, length - 2 :] = separator
    entries = body.reshape(len(block), count, stride)

    framed = (block[:, 0] == ord("[")) & (block[:, -1] == ord("]"))
    marked = (entries[:, :, _MARKS] == _MARK_BYTES).all(axis=(1, 2))
    separated = (entries[:, :, _ENTRY:] == separator).all(axis=(1, 2))
    digits = entries[:, :, _DIGITS] - np.uint8(ord("0"))  # wraps below "0", so one bound checks both sides
    numeric = (digits <= 9).all(axis=(1, 2))
    result: NDArray[np.bool_] = framed & marked & separated & numeric & _on_calendar(digits).all(axis=1)
    return result


def _on_calendar(digits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each ``YYYYMMDD``, eight digits in the last axis, is a day of the Gregorian calendar."""
    century = digits[..., 0] * np.uint8(10) + digits[..., 1]
    year = digits[..., 2] * np.uint8(10) + digits[..., 3]
    month = digits[..., 4] * np.uint8(10) + digits[..., 5]
    day = digits[..., 6] * np.uint8(10) + digits[..., 7]
    leap = np.where(year == 0, century % 4 == 0, year % 4 == 0)
    limit = _DAYS_IN_MONTH[np.minimum(month, 12)] - ((month == 2) & ~leap)
    in_year = (month >= 1) & (month <= 12) & ((century > 0) | (year > 0))
    result: NDArray[np.bool_] = in_year & (day >= 1) & (day <= limit)
    return result
