"""Arrays of ISO 8601 dates in JSON, checked for a whole batch at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_ENTRY = len('"2026-10-30"')
_DIGITS = [1, 2, 3, 4, 6, 7, 9, 10]
_MARKS = [0, 5, 8, 11]
_MARK_BYTES = np.frombuffer(b'"--"', np.uint8)
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
