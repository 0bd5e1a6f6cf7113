"""The headers of a dead letter: their names, how they are written and read, and what goes along when it is replayed.

Every other module takes them from here. The AsyncAPI document lists them from here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ratecast.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Header = tuple[str, bytes | None]  # Kafka allows a name to occur more than once, and a value to be null
Place = tuple[str, int, int]  # topic, partition, offset

PREFIX = "ratecast."
VALUE_TRUNCATED = f"{PREFIX}value.truncated"
HOPS = f"{PREFIX}hops"
REPLAYED_FROM = f"{PREFIX}replayed.from"

_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
_MOST_DIGITS = 19  # those of a Kafka offset, a signed integer of 64 bits
_MOST_HOP_DIGITS = 9


def _header(name: str, schema: Mapping[str, Any], description: str) -> Any:
    """A field that travels as the header ``name``."""
    described = {**schema, "description": description}
    return field(default=None, metadata={"header": PREFIX + name, "schema": described})


@dataclass(frozen=True, slots=True)
class DeadLetterHeaders:
    """What a dead letter's headers say; a header that is absent or malformed is None.

    Each field holds its header's name and its JSON Schema, so none can be written without being documented.
    """

    code: str | None = _header(
        "error.code", {"type": "string", "enum": [code.value for code in ErrorCode]}, "Why it was not scored."
    )
    message: str | None = _header("error.message", {"type": "string"}, "What is wrong with the record.")
    topic: str | None = _header("source.topic", {"type": "string"}, "Topic of the record.")
    partition: int | None = _header("source.partition", _NUMBER, "Partition of the record.")
    offset: int | None = _header("source.offset", _NUMBER, "Offset of the record.")
    timestamp: int | None = _header(
        "source.timestamp", {"type": "string"}, "The record's timestamp: milliseconds since the epoch."
    )
    topic_id: str | None = _header(
        "source.topic_id",
        {"type": "string"},
        "The broker's id of the topic, when known: a topic that was deleted and created again has another.",
    )
    value_bytes: int | None = _header(
        "value.truncated",
        _NUMBER,
        "Only when the dead-letter topic cannot take the whole value: its full length in bytes.",
    )
    key_bytes: int | None = _header(
        "key.truncated",
        _NUMBER,
        "Only when the dead-letter topic cannot take the whole key: its full length in bytes.",
    )
    key_added: str | None = _header(
        "key.added",
        {"type": "string", "const": "true"},
        "Only when the dead-letter topic takes no record without a key: the record had none, this one names its place.",
    )
    header_count: int | None = _header(
        "headers.dropped",
        _NUMBER,
        "Only when the dead-letter topic cannot take the record's own headers: how many there were.",
    )
    hops: int | None = _header(
        "hops", _NUMBER, "How often the record was replayed; absent when it never was."
    )

    @property
    def source(self) -> Place | None:
        """Topic, partition and offset of the record; None when they are not all known."""
        if self.topic is None or self.partition is None or self.offset is None:
            return None
        return self.topic, self.partition, self.offset

    def written(self) -> list[Header]:
        """The headers of the fields that are not None, in their order."""
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
REPLAYED_SCHEMAS: dict[str, dict[str, Any]] = {
    HOPS: HEADER_SCHEMAS[HOPS],
    REPLAYED_FROM: {
        "type": "string",
        "description": "Only on a replayed record: topic/partition/offset of the dead letter it was made from.",
    },
}


def parse(headers: Iterable[Header]) -> DeadLetterHeaders:
    """What a record's headers say about why it is a dead letter, whoever wrote them; it never raises.

    Of a name that occurs more than once the last counts, for a worker writes its own after those that came in. Of
    the hops the highest counts, so that no further header makes a record look new.

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
        # Of both also a negative one, which no record of ours has: such a letter came from elsewhere.
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
    """Whether the letter holds only the beginning of its record's value, even if it does not say how long that was."""
    return any(name == VALUE_TRUNCATED for name, _ in headers)


def hops_only(headers: Iterable[Header]) -> list[Header]:
    """Of a record's headers those that must stay when there is no room for any other."""
    return [header for header in headers if header[0] == HOPS]


def carried_on(headers: Iterable[Header]) -> list[Header]:
    """What a record's next dead letter keeps of its headers: its own, and the hops.

    Reason and place of an earlier round would contradict the new ones. Without the hops a record that can never be
    scored would go round for ever.
    """
    return [header for header in headers if header[0] == HOPS or not header[0].startswith(PREFIX)]


def original(headers: Iterable[Header]) -> list[Header]:
    """The headers that the record came with: a dead letter's without those that ratecast wrote."""
    return [header for header in headers if not header[0].startswith(PREFIX)]


def replayed(headers: Iterable[Header], letter: Place) -> list[Header]:
    """A replayed record's headers: those it came with, one hop more, and the letter that it now comes from.

    Args:
        headers: the dead letter's.
        letter: where the dead letter lies.
    """
    headers = list(headers)
    hops = (parse(headers).hops or 0) + 1
    place = "/".join(map(str, letter))
    return [*original(headers), (HOPS, str(hops).encode()), (REPLAYED_FROM, place.encode())]


def replayed_from(headers: Iterable[Header], dead_letter_topic: str) -> tuple[int, int] | None:
    """Partition and offset of the dead letter that a record was made from.

    None when the record is no replayed one, or made from another topic's letter.

    >>> replayed_from([("ratecast.replayed.from", b"rate-dead-letters/1/7")], "rate-dead-letters")
    (1, 7)
    """
    for name, value in headers:
        if name == REPLAYED_FROM:
            topic, *place = (value or b"").decode("utf-8", "replace").rsplit("/", 2)
            numbers = [number for text in place if (number := _number(text)) is not None]
            if topic == dead_letter_topic and len(numbers) == 2:
                return numbers[0], numbers[1]
    return None
