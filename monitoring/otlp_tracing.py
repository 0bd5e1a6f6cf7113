"""Spans of batches, sent to an OpenTelemetry collector by OTLP over HTTP. Needs the extra ``tracing``.

Names and attributes follow the semantic conventions for messaging, version 1.44.0, whose status is "development":
https://github.com/open-telemetry/semantic-conventions/tree/v1.44.0/docs/messaging
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.util.re import parse_env_headers

from monitoring.span_delivery import SpanDelivery
from monitoring.tracing import Tracing
from ratecast.contract.trace_context import TraceContext, trace_of
from ratecast.errors import UsageError
from ratecast.release import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

    from ratecast.contract.record import Record
    from ratecast.scoring.scored_batch import ScoredBatch

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
MOST_LINKS = (
    128  # the default of OpenTelemetry's own limit, which would drop the first links and not the last
)
# A span with all its links takes 92 kB (measured). While no collector answers, 512 wait and 128 are being sent: 59 MB at most.
_MOST_WAITING_SPANS = 512
_SPANS_PER_REQUEST = 128
_CLOSE_SECONDS = 2.0
_LONGEST_TEXT = 500


class OtlpTracing(Tracing):
    """Makes one span for each batch, linked to the traces of its messages.

    A batch of one message continues that message's trace. Other batches begin a trace of their own, because a span has one
    parent and their messages have several.

    Args:
        exporter: Sends spans.
        group_id: The consumer group.

    Raises:
        UsageError: One of OpenTelemetry's variables has a wrong value.
    """

    def __init__(self, exporter: SpanExporter, group_id: str) -> None:
        self._group_id = group_id
        try:
            processor = BatchSpanProcessor(
                exporter, max_queue_size=_MOST_WAITING_SPANS, max_export_batch_size=_SPANS_PER_REQUEST
            )
            # A provider of our own: the program that a worker is a part of may trace something else.
            self._provider = TracerProvider(
                resource=_resource(),
                shutdown_on_exit=False,  # it would wait for a collector that does not answer
                span_limits=SpanLimits(max_links=MOST_LINKS),
            )
        except ValueError as error:
            _refuse(f"{error}: correct the variable of OpenTelemetry that it is about")
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ratecast", __version__, SCHEMA_URL)

    @classmethod
    def from_environment(cls, group_id: str) -> OtlpTracing:
        """Return tracing to the collector that OpenTelemetry's variables ``OTEL_EXPORTER_OTLP_*`` name.

        Raises:
            UsageError: A variable is wrong.
        """
        protocol = _variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or _variable("OTEL_EXPORTER_OTLP_PROTOCOL")
        if protocol not in {None, "http/protobuf"}:
            _refuse(
                f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, and ratecast sends http/protobuf: set it to that, and the "
                "endpoint to the collector's port for HTTP, usually 4318"
            )
        endpoint = _endpoint()
        if not endpoint.startswith(("http://", "https://")):
            _refuse(
                "OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https://, like http://127.0.0.1:4318"
            )
        _check_headers()
        return cls(SpanDelivery(OTLPSpanExporter(), endpoint), group_id)

    @contextmanager
    def batch(
        self, records: Sequence[Record], batch: ScoredBatch, started: float
    ) -> Iterator[TraceContext | None]:
        """Return the span of a batch, as `Tracing.batch` describes."""
        span = self._started(records, batch, started)
        try:
            yield _reference(span)
        except BaseException as error:
            # Also a cancellation: its transaction was not committed either.
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR, _text(str(error)))
            raise
        finally:
            span.end()

    def _started(self, records: Sequence[Record], batch: ScoredBatch, started: float) -> Span:
        first = records[0]
        places = _linked(records)
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": first.topic,
            "messaging.destination.partition.id": str(first.partition),
            "messaging.consumer.group.name": _text(self._group_id),
            "messaging.batch.message_count": len(records),
            "ratecast.offset.first": first.offset,
            "ratecast.offset.last": records[-1].offset,
            "ratecast.predictions": len(batch.values),
            "ratecast.dead_letters": len(batch.dead_letters),
        }
        if batch.model_version is not None:
            attributes["ratecast.model.version"] = _text(batch.model_version)
        if (omitted := len(places) - MOST_LINKS) > 0:
            attributes["ratecast.links.omitted"] = omitted
        # An empty context: spans of the program that a worker is a part of are not parents of its batches.
        parent = Context()
        if len(records) == 1:
            for trace in places:
                parent = set_span_in_context(NonRecordingSpan(_span_context(trace)), parent)
        return self._tracer.start_span(
            f"process {first.topic}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=_links(places),
            start_time=time.time_ns() - int((time.perf_counter() - started) * 1e9),
        )

    async def close(self) -> None:
        """Send the spans that wait, for two seconds at most."""
        # In a thread, and the thread is not joined: shutting down waits half a minute for a collector that hangs.
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=shut_down, name="close-tracing", daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), _CLOSE_SECONDS)


def _linked(records: Sequence[Record]) -> Mapping[TraceContext, int]:
    """Return the distinct spans that the messages came from, each with the offset of its first message, in order."""
    places: dict[TraceContext, int] = {}
    for record in records:
        if record.headers and (trace := trace_of(record.headers)) is not None and trace not in places:
            places[trace] = record.offset
    return places


def _links(places: Mapping[TraceContext, int]) -> list[Link]:
    first_places = list(places.items())[:MOST_LINKS]
    return [Link(_span_context(trace), {"messaging.kafka.offset": offset}) for trace, offset in first_places]


def _span_context(trace: TraceContext) -> SpanContext:
    flags = TraceFlags(trace.flags)
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True, trace_flags=flags)


def _reference(span: Span) -> TraceContext | None:
    """Return what others say of a span; None if OTEL_SDK_DISABLED turns tracing off."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return TraceContext(
        format_trace_id(context.trace_id), format_span_id(context.span_id), int(context.trace_flags)
    )


def _resource() -> Resource:
    """Return who sends the spans. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word."""
    ours = {
        "service.name": "ratecast-worker",
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def _endpoint() -> str:
    """Return where the exporter sends spans, by the rules of OpenTelemetry's specification."""
    if (traces := _variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) is not None:
        return traces
    base = _variable("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318"
    return f"{base.removesuffix('/')}/v1/traces"


def _check_headers() -> None:
    """Refuse malformed headers before OpenTelemetry logs them, because they hold credentials."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    name = next((name for name in names if _variable(name)), None)
    if name is None:
        return
    text = os.environ[name]
    given = {part.partition("=")[0].strip().lower() for part in text.split(",") if part.strip()}
    parser_log = logging.getLogger(parse_env_headers.__module__)
    parser_log.disabled = True
    understood = parse_env_headers(text, liberal=True)
    parser_log.disabled = False
    if len(understood) < len(given):
        _refuse(f"{name} must be name=value pairs separated by commas, with values encoded as in a URL")


def _variable(name: str) -> str | None:
    """Return the value of a variable of OpenTelemetry. An empty one counts as not set."""
    return os.environ.get(name) or None


def _text(text: str) -> str:
    """Return a text that protobuf accepts, of bounded length. One bad text would lose all spans of its request."""
    return text[:_LONGEST_TEXT].encode(errors="backslashreplace").decode()


def _refuse(reason: str) -> NoReturn:
    raise UsageError(f"RATECAST_TRACING=otlp: {reason}")
