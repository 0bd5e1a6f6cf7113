"""Makes and logs dead letters: the raw bytes of a message, with the error and its source in the headers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ratecast.contract.dead_letter import VALUE_TRUNCATED, DeadLetterHeaders, carried_on, hops_only
from ratecast.contract.unreadable import Unreadable
from ratecast.log_fields import place_of, trace_fields

if TYPE_CHECKING:
    from ratecast.contract.trace_context import TraceContext
    from ratecast.kafka.batches import OutgoingRecord
    from ratecast.scoring.scored_batch import DeadLetter, ScoredBatch

log = logging.getLogger(__name__)

CUT_TO_BYTES = 2**16


def outgoing(
    letter: DeadLetter, *, cut: bool, keyed: bool = False, topic_id: str | None = None
) -> OutgoingRecord:
    """Return a dead letter as it is published: raw key, raw value, the record's headers and ratecast's.

    Args:
        letter: The record and its error.
        cut: Shorten long keys, values and headers, because the topic rejected them in full. The headers
            ``ratecast.value.truncated`` and ``ratecast.key.truncated`` then hold the original lengths,
            ``ratecast.headers.dropped`` the number of headers, and the source headers where the full record is.
        keyed: Add a key made of topic, partition and offset to a record without one.
        topic_id: The broker's id of the record's topic, if it is known.
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
        # The value could not be read, so it must not be redelivered as if it were empty.
        value, written = None, [*written, (VALUE_TRUNCATED, b"")]
    return key, value, [*kept, *written]


def log_all(batch: ScoredBatch, span: TraceContext | None) -> None:
    """Log each dead letter of a committed batch.

    Args:
        batch: The outcomes.
        span: The span that made them, if any.
    """
    for letter in batch.dead_letters:
        record = letter.record
        place = record.topic, record.partition, record.offset
        fields = {
            **place_of(record),
            "code": letter.code.value,
            "model_version": batch.model_version,
            **trace_fields(record, span),
        }
        log.warning("dead letter %s-%d@%d: %s: %s", *place, letter.code, letter.message, extra=fields)


def _shortened(content: bytes | None, *, cut: bool) -> tuple[bytes | None, int | None]:
    """Return a key or value as it is published, and its original length if it was shortened."""
    if not cut or content is None or len(content) <= CUT_TO_BYTES:
        return content, None
    return content[:CUT_TO_BYTES], len(content)
