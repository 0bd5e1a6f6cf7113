"""The fields that a log record can have besides its text, for programs that read logs.

A log call gives them as ``extra=``. Lines of text do not show them, lines of JSON do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratecast.contract.trace_context import trace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.contract.record import Record
    from ratecast.contract.trace_context import TraceContext

# In the order in which a line shows them.
FIELDS: Sequence[str] = (
    "topic",
    "partition",
    "offset",
    "pair",
    "code",
    "model_version",
    "trace_id",
    "span_id",
)


def place_of(record: Record) -> dict[str, Any]:
    """Return the fields that say where a record is."""
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def trace_fields(record: Record, span: TraceContext | None = None) -> dict[str, Any]:
    """Return the fields that say which trace a record belongs to; none if there is none.

    Args:
        record: The record. Its own trace counts first, with or without tracing.
        span: The span that processed the record, if any.
    """
    trace = trace_of(record.headers)
    found = span if trace is None else trace
    if found is None:
        return {}
    return {"trace_id": found.trace_id, "span_id": found.span_id if span is None else span.span_id}
