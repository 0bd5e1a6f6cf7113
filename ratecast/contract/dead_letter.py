"""The headers of dead letters and of redelivered records: their names, and how they are written and read.

All other modules and the AsyncAPI document take the headers from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ratecast.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Header = tuple[str, bytes | None]  # in Kafka a name may occur more than once, and a value may be null
Place = tuple[str, int, int]  # topic, partition, offset

PREFIX = "ratecast."
VALUE_TRUNCATED = f"{PREFIX}value.truncated"
HOPS = f"{PREFIX}hops"
REDELIVERED_FROM = f"{PREFIX}replayed.from"

_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
_MOST_DIGITS = 19  # of a Kafka offset, which is a signed integer of 64 bits
_MOST_HOP_DIGITS = 9


def _header(name: str, schema: Mapping[str, Any], description: str) -> Any:
    """Returns a dataclass field that is written as the header ``name``."""
    described = {**schema, "description": description}
    return field(default=None, metadata={"header": PREFIX + name, "schema": described})


@dataclass(frozen=True, slots=True)
class DeadLetterHeaders:
    """The headers that ratecast adds to a dead letter. A missing or malformed header is None.

    Each field holds the name and the JSON Schema of its header, so every header that is written is also documented.
    """

    code: str | None = _header(
        "error.code",
        {"type": "string", "enum": [code.value for code in ErrorCode]},
        "The error code: why the record was not scored.",
    )
    message: str | None = _header("error.message", {"type": "string"}, "A description of the error.")
    topic: str | None = _header("source.topic", {"type": "string"}, "The record's topic.")
    partition: int | None = _header("source.partition", _NUMBER, "The record's partition.")
    offset: int | None = _header("source.offset", _NUMBER, "The record's offset.")
    timestamp: int | None = _header(
        "source.timestamp", {"type": "string"}, "The record's timestamp in milliseconds since 1970."
    )
    topic_id: str | None = _header(
        "source.topic_id",
        {"type": "string"},
        "The broker's id of the topic, if known. A topic that was deleted and created again has another id.",
    )
    value_bytes: int | None = _header(
        "value.truncated",
        _NUMBER,
        "Present only if the value was cut to fit the dead-letter topic: its full length in bytes.",
    )
    key_bytes: int | None = _header(
        "key.truncated",
        _NUMBER,
        "Present only if the key was cut to fit the dead-letter topic: its full length in bytes.",
    )
    key_added: str | None = _header(
        "key.added",
        {"type": "string", "const": "true"},
        "Present only if the record had no key and the dead-letter topic requires one: the key is then the record's place.",
    )
    header_count: int | None = _header(
        "headers.dropped",
        _NUMBER,
        "Present only if the record's headers were dropped to fit the dead-letter topic: how many there were.",
    )
    hops: int | None = _header(
        "hops", _NUMBER, "How many times the record was redelivered; absent if it never was."
    )

    @property
    def source(self) -> Place | None:
        """Topic, partition and offset of the record; None unless all are known."""
        if self.topic is None or self.partition is None or self.offset is None:
            return None
        return self.topic, self.partition, self.offset

    def written(self) -> list[Header]:
        """Returns the headers of all fields that are not None, in the order of the fields."""
        values = ((name, getattr(self, attribute)) for attribute, name in _NAMES.items())
        return [
            (name, str(value).encode(errors="backslashreplace"))
            for name, value in values
            if value is not None
        ]


_NAMES: dict[str, str] = {item.name: item.metadata["header"] for item in fields(DeadLetterHeaders)}

HEADER_SCHEMAS: dict[str, dict[str, Any]] = {
    item.metadata["header"]: item.metadata["schema"] for item in fields(DeadLetterHeaders)
}
REDELIVERED_SCHEMAS: dict[str, dict[str, Any]] = {
    HOPS: HEADER_SCHEMAS[HOPS],
    REDELIVERED_FROM: {
        "type": "string",
        "description": "Present only on a redelivered record: topic/partition/offset of its dead letter.",
    },
}


def parse(headers: Iterable[Header]) -> DeadLetterHeaders:
    """Returns the dead-letter headers of a record, whoever wrote them. It never raises.

    If a name occurs more than once, the last value counts, because a worker appends its headers to the original ones.
    For the hops the highest value counts, so that an extra header cannot make a record look new.

    >>> parse([("ratecast.error.code", b"invalid_json"), ("ratecast.source.offset", b"x")])
    ... # doctest: +NORMALIZE_WHITESPACE, +ELLIPSIS
    DeadLetterHeaders(code='invalid_json', message=None, ..., offset=None, ..., hops=None)
    """
    texts: dict[str, str] = {}
    hops: list[int] = []
    for name, value in headers:
        if name.startswith(PREFIX):
            texts[name] = text = (value or b"").decode("utf-8", "replace")
            if name == HOPS and text.isascii() and text.isdecimal():
                hops.append(int(text[:_MOST_HOP_DIGITS]))

    def text_of(attribute: str) -> str | None:
        return texts.get(_NAMES[attribute])

    def number_of(attribute: str) -> int | None:
        return _number(texts.get(_NAMES[attribute], ""))

    return DeadLetterHeaders(
        code=text_of("code"),
        message=text_of("message"),
        topic=text_of("topic"),
        # Partition and offset may be negative. No record of ratecast has such a place, so the letter is a foreign one.
        partition=_integer(texts.get(_NAMES["partition"], "")),
        offset=_integer(texts.get(_NAMES["offset"], "")),
        timestamp=number_of("timestamp"),
        topic_id=text_of("topic_id"),
        value_bytes=number_of("value_bytes"),
        key_bytes=number_of("key_bytes"),
        key_added=text_of("key_added"),
        header_count=number_of("header_count"),
        hops=max(hops, default=None),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _integer(text: str) -> int | None:
    number = _number(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number


def is_value_cut(headers: Iterable[Header]) -> bool:
    """Returns whether a dead letter holds only the beginning of the value, even if its full length is unknown."""
    return any(name == VALUE_TRUNCATED for name, _ in headers)


def hops_only(headers: Iterable[Header]) -> list[Header]:
    """Returns the headers that a dead letter must keep even if there is no room for the others."""
    return [header for header in headers if header[0] == HOPS]


def carried_on(headers: Iterable[Header]) -> list[Header]:
    """Returns the headers of a redelivered record that its next dead letter keeps: the original ones and the hops.

    The error and source of the earlier dead letter would contradict the new ones. Without the hops a record that can
    never be scored could be redelivered forever.
    """
    return [header for header in headers if header[0] == HOPS or not header[0].startswith(PREFIX)]


def original(headers: Iterable[Header]) -> list[Header]:
    """Returns the original headers of a dead letter's record, without those that ratecast added."""
    return [header for header in headers if not header[0].startswith(PREFIX)]


def redelivered(headers: Iterable[Header], letter: Place) -> list[Header]:
    """Returns the headers of a redelivered record: the original ones, one more hop, and the place of its dead letter.

    Args:
        headers: the headers of the dead letter.
        letter: the place of the dead letter.
    """
    headers = list(headers)
    hops = (parse(headers).hops or 0) + 1
    place = "/".join(map(str, letter))
    return [*original(headers), (HOPS, str(hops).encode()), (REDELIVERED_FROM, place.encode())]


def redelivered_from(headers: Iterable[Header], dead_letter_topic: str) -> tuple[int, int] | None:
    """Returns partition and offset of the dead letter that a record was redelivered from.

    Returns None if the record was not redelivered, or from a dead letter on another topic.

    >>> redelivered_from([("ratecast.replayed.from", b"rate-dead-letters/1/7")], "rate-dead-letters")
    (1, 7)
    """
    for name, value in headers:
        if name == REDELIVERED_FROM:
            topic, *place = (value or b"").decode("utf-8", "replace").rsplit("/", 2)
            numbers = [number for text in place if (number := _number(text)) is not None]
            if topic == dead_letter_topic and len(numbers) == 2:
                return numbers[0], numbers[1]
    return None
