"""A dead letter as a JSON object for commands to print."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ratecast.contract import dead_letter

if TYPE_CHECKING:
    from ratecast.contract.record import Record


def dead_letter_as_json(record: Record) -> dict[str, Any]:
    """Returns a dead letter as a JSON object: error, source, raw key and value, original headers.

    Bytes become text if they are UTF-8, otherwise ``{"base64": "..."}``. If the value was cut to fit the dead-letter
    topic, ``truncated_from_bytes`` is its original length.
    """
    headers = dead_letter.parse(record.headers)
    shown: dict[str, Any] = {
        "code": headers.code,
        "message": headers.message,
        "source": {
            "topic": headers.topic,
            "partition": headers.partition,
            "offset": headers.offset,
            "timestamp": headers.timestamp,
        },
        "key": readable(record.key),
        "value": readable(record.value),
        # A list, because Kafka allows a header name to occur more than once.
        "headers": [[name, readable(value)] for name, value in dead_letter.original(record.headers)],
    }
    if headers.topic_id is not None:
        shown["source"]["topic_id"] = headers.topic_id
    if headers.value_bytes is not None:
        shown["truncated_from_bytes"] = headers.value_bytes
    return shown


def readable(value: bytes | None) -> str | dict[str, str] | None:
    """Returns bytes as a JSON value.

    >>> readable(b"EUR/GBP"), readable(bytes([0, 255])), readable(None)
    ('EUR/GBP', {'base64': 'AP8='}, None)
    """
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}
