"""The trace that a message belongs to: the headers of W3C Trace Context, read and continued.

https://www.w3.org/TR/trace-context/ says how ``traceparent`` and ``tracestate`` look. In Kafka they are headers of a record.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratecast.contract.dead_letter import Header

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
_OF_A_TRACE = (TRACEPARENT, TRACESTATE)

_SAMPLED = 0x01
_KNOWN_FLAGS = 0x03  # sampled and random; version 00 wants all others to be zero
_MOST_BYTES = 512  # a later version may append fields, and they are not ours to read
_FORMAT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)


class TraceContext(NamedTuple):
    """A span as other programs refer to it."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16 hexadecimal digits
    flags: int

    @property
    def is_sampled(self) -> bool:
        """Whether the span is recorded, so that it can be looked up."""
        return bool(self.flags & _SAMPLED)

    def written(self) -> bytes:
        """Returns the value of ``traceparent``.

        >>> TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1).written()
        b'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
        """
        return _written(self.trace_id, self.span_id, self.flags)

    def labels(self) -> dict[str, str]:
        """Returns both ids under the names that exemplars and log lines use."""
        return {"trace_id": self.trace_id, "span_id": self.span_id}


def trace_of(headers: Iterable[Header]) -> TraceContext | None:
    """Returns the trace that a record belongs to, or None. It never raises.

    A malformed ``traceparent`` is ignored, and so are several, because nobody can say which of them is right.

    >>> trace_of([("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]).flags
    1
    >>> trace_of([("traceparent", b"00-abc-def-01")]) is None
    True
    """
    found = [value for name, value in headers if name == TRACEPARENT]
    if len(found) != 1 or found[0] is None or len(found[0]) > _MOST_BYTES:
        return None
    return _parsed(found[0])


# Each header is read for its link and for its outcome, and the messages of one request have the same.
@lru_cache(maxsize=4096)
def _parsed(value: bytes) -> TraceContext | None:
    match = _FORMAT.fullmatch(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == b"00" and more is not None:
        return None
    return TraceContext(trace_id.decode(), span_id.decode(), int(flags, 16))


def continued(headers: Iterable[Header], span: TraceContext) -> list[Header]:
    """Returns the headers of an outcome: the record's, with a ``traceparent`` that names the span which made the outcome.

    The outcome stays in the trace of its message, with that trace's decision about sampling. A message without a trace, or
    with a malformed one, continues in the span's own trace, and a ``tracestate`` without its trace is dropped, as W3C Trace
    Context asks.

    Args:
        headers: the record's headers.
        span: the span that made the outcome.
    """
    headers = list(headers)
    trace = trace_of(headers)
    if trace is None:
        kept = [header for header in headers if header[0] not in _OF_A_TRACE]
        kept.append((TRACEPARENT, span.written()))
    else:
        kept = [header for header in headers if header[0] != TRACEPARENT]
        kept.append((TRACEPARENT, _written(trace.trace_id, span.span_id, trace.flags)))
    return kept


def _written(trace_id: str, span_id: str, flags: int) -> bytes:
    return b"00-%b-%b-%02x" % (trace_id.encode(), span_id.encode(), flags & _KNOWN_FLAGS)
