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
        cut: shorten a long value, for a topic that refused the whole; the header ``ratecast.value.truncated``
            then says how long it was, and the source headers say where the rest lies.
    """
    record, value = letter.record, letter.record.value
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
    # Ours from an earlier round would contradict the new ones. Without the hops a record that can never be
    # scored would go round for ever.
    kept = [header for header in record.headers if header[0] == HOPS or not header[0].startswith(PREFIX)]
    return record.key, value, [*kept, *((PREFIX + name, text.encode()) for name, text in fields.items())]
