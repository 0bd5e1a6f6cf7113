"""A message's trace through a real broker: from its header to a collector and into its prediction."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.bad_records import BAD, GOOD
from tests.integration.workers import publish, read, running_worker
from tests.monitoring.collector import Collector, attributes, ids

pytestmark = pytest.mark.one_engine

TRACES = [f"{number:032x}" for number in (0xABC1, 0xABC2, 0xABC3)]
PARENT = "00f067aa0ba902b7"


async def scraped_with_exemplars(port: int | None) -> str:
    """The metrics as Prometheus asks for them, as soon as they have an exemplar."""
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    async with asyncio.timeout(20), aiohttp.ClientSession(headers=accept) as session:
        while True:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                if "trace_id=" in (text := await response.text()):
                    return text


async def test_a_trace_goes_from_the_message_to_the_collector_and_into_the_prediction(settings, monkeypatch):
    headers = [("traceparent", f"00-{trace}-{PARENT}-01".encode()) for trace in TRACES]
    bad, _ = BAD["empty value"]
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with running_worker(settings.model_copy(update={"tracing": "otlp"})) as worker:
            await publish(
                settings, [(b"k", GOOD, [headers[0]]), (b"k", bad, [headers[1]]), (b"k", GOOD, [headers[2]])]
            )
            predictions = await read(settings, settings.output_topic, 2)
            (letter,) = await read(settings, settings.dead_letter_topic, 1)
            metrics = await scraped_with_exemplars(worker.http.port)
        # Stopping the worker sent what waited.
        spans = collector.spans()
    linked = {trace: span for span in spans for trace, _ in ids(span.links)}
    assert linked.keys() == set(TRACES)
    assert sum(attributes(span)["messaging.batch.message_count"] for span in spans) == 3
    for trace, record in zip((TRACES[0], TRACES[2]), predictions, strict=True):
        expected = f"00-{trace}-{linked[trace].span_id.hex()}-01".encode()
        assert list(record.headers) == [("traceparent", expected)]
    assert letter.headers[0] == headers[1]
    assert any(f'trace_id="{span.trace_id.hex()}"' in metrics for span in spans)
