"""Dead letters: the raw bytes that came in, with the reason and the place in the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.contract.dead_letter import VALUE_TRUNCATED, DeadLetterHeaders, carried_on, hops_only
from ratecast.contract.unreadable import Unreadable

if TYPE_CHECKING:
    from ratecast.kafka.batches import OutgoingRecord
    from ratecast.scoring.scorer import DeadLetter

CUT_TO_BYTES = 2**16


def outgoing(
    letter: DeadLetter, *, cut: bool, keyed: bool = False, topic_id: str | None = None
) -> OutgoingRecord:
    """A dead letter as it is published: raw key, raw value, the record's own headers and ours.

    Args:
        letter: the record and what is wrong with it.
        cut: shorten what is long, for a topic that refused the whole; the headers ``ratecast.value.truncated`` and
            ``ratecast.key.truncated`` then say how long they were, ``ratecast.headers.dropped`` how many headers
            there were, and the source headers say where the rest lies.
        keyed: give a record without a key one that names its place, for a topic that takes none without.
        topic_id: the broker's id of the record's topic, when it is known.
    """
    record, headers = letter.record, letter.record.headers
    key, key_bytes = _shortened(record.key, cut=cut)
    value, value_bytes = _shortened(record.value, cut=cut)
    header_bytes = sum(len(name.encode()) + len(content or b"") for name, content in headers) if cut else 0
    is_too_much = header_bytes > CUT_TO_BYTES
    ours = DeadLetterHeaders(
        code=letter.code.value,
        message=letter.message,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        topic_id=topic_id,
        value_bytes=value_bytes,
        key_bytes=key_bytes,
        key_added="true" if keyed and key is None else None,
        header_count=len(headers) if is_too_much else None,
    )
    kept = hops_only(headers) if is_too_much else carried_on(headers)
    if keyed and key is None:
        key = f"{record.topic}-{record.partition}-{record.offset}".encode()
    written = ours.written()
    if isinstance(value, Unreadable):
        # Nobody has read the value, so nobody may publish it again as if it were empty.
        value, written = None, [*written, (VALUE_TRUNCATED, b"")]
    return key, value, [*kept, *written]


def _shortened(content: bytes | None, *, cut: bool) -> tuple[bytes | None, int | None]:
    """A key or value as it goes out, and its full length when it was shortened."""
    if not cut or content is None or len(content) <= CUT_TO_BYTES:
        return content, None
    return content[:CUT_TO_BYTES], len(content)
