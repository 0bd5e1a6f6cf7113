"""Dead letters: the raw bytes that came in, with the reason and the place in the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumer.publishing import OutgoingRecord
    from consumer.scoring import DeadLetter

PREFIX = "ratecast."
HOPS = "ratecast.hops"  # how often it was replayed; written by producer/redelivery.py
CUT_TO_BYTES = 2**16


def outgoing(letter: DeadLetter, *, cut: bool) -> OutgoingRecord:
    """A dead letter as it is published: raw key, raw value, the record's own headers and ours.

    Args:
        letter: the record and what is wrong with it.
        cut: shorten what is long, for a topic that refused the whole; the headers ``ratecast.value.truncated`` and
            ``ratecast.key.truncated`` then say how long they were, ``ratecast.headers.dropped`` how many headers
            there were, and the source headers say where the rest lies.
    """
    record, key, value, headers = letter.record, letter.record.key, letter.record.value, letter.record.headers
    fields = {
        "error.code": letter.code.value,
        "error.message": letter.message,
        "source.topic": record.topic,
        "source.partition": str(record.partition),
        "source.offset": str(record.offset),
        "source.timestamp": str(record.timestamp),
    }
    if cut and value is not None and len(value) > CUT_TO_BYTES:
        fields["value.truncated"] = str(len(value))
        value = value[:CUT_TO_BYTES]
    if cut and key is not None and len(key) > CUT_TO_BYTES:
        fields["key.truncated"] = str(len(key))
        key = key[:CUT_TO_BYTES]
    if cut and sum(len(name.encode()) + len(content or b"") for name, content in headers) > CUT_TO_BYTES:
        fields["headers.dropped"] = str(len(headers))
        headers = [header for header in headers if header[0] == HOPS]
    # Ours from an earlier round would contradict the new ones. Without the hops a record that can never be
    # scored would go round for ever.
    kept = [header for header in headers if header[0] == HOPS or not header[0].startswith(PREFIX)]
    return key, value, [*kept, *((PREFIX + name, text.encode()) for name, text in fields.items())]
