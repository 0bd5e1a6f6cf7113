"""Every kind of bad record the issue list names, with the code it must get: used by unit and integration tests."""

from __future__ import annotations

import json
from typing import Any

from ratecast.errors import ErrorCode

GOOD = b'{"history": [0.85, 0.86, 0.87]}'


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


_H = [0.85, 0.86, 0.87]

BAD: dict[str, tuple[bytes | None, ErrorCode]] = {
    "tombstone": (None, ErrorCode.EMPTY_VALUE),
    "empty value": (b"", ErrorCode.EMPTY_VALUE),
    "invalid UTF-8": (b'\xff\xfe{"history": [1, 2, 3]}', ErrorCode.INVALID_ENCODING),
    "invalid UTF-8 in an ignored field": (b'{"history": [1, 2, 3], "x": "\xff"}', ErrorCode.INVALID_ENCODING),
    "Latin-1 in a known field": (b'{"history": [1, 2, 3], "pair": "\xe9"}', ErrorCode.INVALID_ENCODING),
    "Latin-1 in message_id": (b'{"history": [1, 2, 3], "message_id": "\xe9"}', ErrorCode.INVALID_ENCODING),
    "a surrogate in UTF-8": (
        b'{"history": [1, 2, 3], "message_id": "\xed\xa0\x80"}',
        ErrorCode.INVALID_ENCODING,
    ),
    "a byte-order mark": (b"\xef\xbb\xbf" + GOOD, ErrorCode.INVALID_ENCODING),
    "UTF-16": (GOOD.decode().encode("utf-16"), ErrorCode.INVALID_ENCODING),
    "UTF-16 without a byte-order mark": (GOOD.decode().encode("utf-16-le"), ErrorCode.INVALID_ENCODING),
    "Confluent wire format": (b"\0\0\0\0\x2a" + GOOD, ErrorCode.INVALID_ENCODING),
    "half a surrogate pair": (
        b'{"history": [1, 2, 3], "message_id": "\\ud800"}',
        ErrorCode.INVALID_JSON,
    ),
    "invalid JSON": (b'{"history": [1, 2, 3]', ErrorCode.INVALID_JSON),
    "trailing text": (b'{"history": [1, 2, 3]} x', ErrorCode.INVALID_JSON),
    "array": (b"[0.85, 0.86, 0.87]", ErrorCode.SCHEMA_VIOLATION),
    "number": (b"3", ErrorCode.SCHEMA_VIOLATION),
    "null": (b"null", ErrorCode.SCHEMA_VIOLATION),
    "NaN": (b'{"history": [1, 2, NaN]}', ErrorCode.INVALID_JSON),
    "Infinity": (b'{"history": [1, 2, Infinity]}', ErrorCode.INVALID_JSON),
    "NaN in an ignored field": (b'{"history": [1, 2, 3], "x": NaN}', ErrorCode.INVALID_JSON),
    "history missing": (b"{}", ErrorCode.SCHEMA_VIOLATION),
    "history empty": (_json(history=[]), ErrorCode.HISTORY_TOO_SHORT),
    "history of 2": (_json(history=[1, 2]), ErrorCode.HISTORY_TOO_SHORT),
    "history of 1025": (_json(history=[1.0] * 1025), ErrorCode.SCHEMA_VIOLATION),
    "history a number": (b'{"history": 5}', ErrorCode.SCHEMA_VIOLATION),
    "as_of with another sign between day and time": (
        _json(history=_H, as_of="2026-10-30x10:00"),
        ErrorCode.SCHEMA_VIOLATION,
    ),
    "a string": (_json(history=[1, 2, "3"]), ErrorCode.SCHEMA_VIOLATION),
    "a boolean": (_json(history=[1, 2, True]), ErrorCode.SCHEMA_VIOLATION),
    "a null": (_json(history=[1, 2, None]), ErrorCode.SCHEMA_VIOLATION),
    "a zero": (_json(history=[1, 2, 0]), ErrorCode.INVALID_RATE),
    "a negative": (_json(history=[1, 2, -1]), ErrorCode.INVALID_RATE),
    "1e400": (b'{"history": [1, 2, 1e400]}', ErrorCode.INVALID_RATE),
    "an integer of 400 digits": (b'{"history": [1, 2, ' + b"9" * 400 + b"]}", ErrorCode.INVALID_RATE),
    "unknown pair": (_json(history=_H, pair="XXX/YYY"), ErrorCode.UNKNOWN_PAIR),
    "pair of a wrong type": (_json(history=_H, pair=3), ErrorCode.SCHEMA_VIOLATION),
    "pair in lower case": (_json(history=_H, pair="eur/gbp"), ErrorCode.SCHEMA_VIOLATION),
    "times of another length": (_json(history=_H, times=["2025-01-02"]), ErrorCode.SCHEMA_VIOLATION),
    "times not on the calendar": (
        _json(history=_H, times=["2025-02-28", "2025-02-29", "2025-03-01"]),
        ErrorCode.SCHEMA_VIOLATION,
    ),
    "as_of not a date": (_json(history=_H, as_of="yesterday"), ErrorCode.SCHEMA_VIOLATION),
    "message_id empty": (_json(history=_H, message_id=""), ErrorCode.SCHEMA_VIOLATION),
    "message_id of 129": (_json(history=_H, message_id="x" * 129), ErrorCode.SCHEMA_VIOLATION),
    "2 MB of JSON": (_json(history=_H, padding="x" * 2_000_000), ErrorCode.TOO_LARGE),
    "deeply nested": (
        b'{"history": [1, 2, 3], "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        ErrorCode.INVALID_JSON,
    ),
    "duplicate key": (b'{"history": [1, 2, 3], "history": [1, 2, 4]}', ErrorCode.INVALID_JSON),
    "duplicate key, escaped": (
        b'{"history": [1, 2, 3], "histor\\u0079": [1, 2, 4]}',
        ErrorCode.INVALID_JSON,
    ),
    "a range down to zero when scored": (_json(history=[5e-324, 4e-323, 5e-324]), ErrorCode.SCORING_FAILED),
    "not finite when scored": (_json(history=[1e-308, 1e308, 1e308]), ErrorCode.SCORING_FAILED),
}
