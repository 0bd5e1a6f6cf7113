"""Dead letters: the raw bytes that came in, with the reason and the place in the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumer.scoring import DeadLetter

PREFIX = "ratecast."


def headers(letter: DeadLetter) -> list[tuple[str, bytes | None]]:
    """The record's own headers, then why and from where; ours from an earlier round are replaced."""
    record = letter.record
    own = [header for header in record.headers if not header[0].startswith(PREFIX)]
    ours = {
        "error.code": letter.code.value,
        "error.message": letter.message,
        "source.topic": record.topic,
        "source.partition": str(record.partition),
        "source.offset": str(record.offset),
        "source.timestamp": str(record.timestamp),
    }
    return [*own, *((PREFIX + name, text.encode()) for name, text in ours.items())]
