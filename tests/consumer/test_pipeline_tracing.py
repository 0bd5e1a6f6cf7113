"""What a pipeline's batches look like in a collector, and that a collector never hinders them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from consumer.publishing import Outgoing, OutputRejectedError
from monitoring import otlp_tracing
from monitoring.chosen_tracing import tracing_for
from monitoring.exposition import exposition
from ratecast.release import __version__
from ratecast.settings import Settings
from ratecast_cli.logs import JsonFormatter
from tests.brokers import free_port
from tests.consumer.pipeline_bench import Bench, batch
from tests.fakes import FakeRecord
from tests.monitoring.collector import Collector, attributes, ids

TRACES = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"]
PARENTS = ["00f067aa0ba902b7", "b7ad6b7169203331"]


def traceparent(number: int, flags: str = "01") -> tuple[str, bytes]:
    return "traceparent", f"00-{TRACES[number]}-{PARENTS[number]}-{flags}".encode()


@pytest.fixture
def collector(monkeypatch):
    with Collector() as collector:
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        yield collector


@asynccontextmanager
async def traced(*polls, **given):
    tracing = tracing_for(Settings(tracing="otlp"))
    try:
        yield Bench(*polls, tracing=tracing, **given)
    finally:
        await tracing.close()


async def test_a_batch_is_one_span_with_a_link_to_each_trace(collector):
    records = [
        FakeRecord(b"a", offset=5, headers=(traceparent(0), ("tracestate", b"v=1"), ("mine", b"x"))),
        FakeRecord(b"b", offset=6, headers=(traceparent(0),)),
        FakeRecord(b"c", offset=7),
        FakeRecord(b"d", offset=8, headers=(("traceparent", b"00-abc-def-01"), ("tracestate", b"v=1"))),
        FakeRecord(b"bad", offset=9, headers=(traceparent(1, "00"),)),
    ]
    async with traced(records) as bench:
        await bench.run_until_committed(10)
    (span,) = collector.wait_for(1)
    assert collector.paths == {"/v1/traces"}
    assert (span.name, span.kind, span.status.code) == ("process rate-histories", 5, 0)
    assert attributes(span) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "rate-histories",
        "messaging.destination.partition.id": "0",
        "messaging.consumer.group.name": "ratecast-workers",
        "messaging.batch.message_count": 5,
        "ratecast.offset.first": 5,
        "ratecast.offset.last": 9,
        "ratecast.predictions": 4,
        "ratecast.dead_letters": 1,
        "ratecast.model.version": "v1",
    }
    assert span.parent_span_id == b""
    assert ids(span.links) == list(zip(TRACES, PARENTS, strict=True))
    assert [attributes(link) for link in span.links] == [
        {"messaging.kafka.offset": 5},
        {"messaging.kafka.offset": 9},
    ]
    own, trace = span.span_id.hex(), span.trace_id.hex()
    assert bench.topics.headers[:4] == [
        [("tracestate", b"v=1"), ("mine", b"x"), ("traceparent", f"00-{TRACES[0]}-{own}-01".encode())],
        [("traceparent", f"00-{TRACES[0]}-{own}-01".encode())],
        [("traceparent", f"00-{trace}-{own}-03".encode())],  # its trace id is random, and it is sampled
        [("traceparent", f"00-{trace}-{own}-03".encode())],
    ]
    # The dead letter is what was sent, so that its redelivery is too.
    assert bench.topics.headers[4][0] == traceparent(1, "00")
    resource = attributes(collector.requests[0].resource_spans[0].resource)
    assert (resource["service.name"], resource["service.version"]) == ("ratecast-worker", __version__)


async def test_a_batch_of_one_message_continues_its_trace(collector):
    async with traced([FakeRecord(b"a", headers=(traceparent(0),))]) as bench:
        await bench.run_until_committed(1)
    (span,) = collector.wait_for(1)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACES[0], PARENTS[0])
    assert bench.topics.headers == [[("traceparent", f"00-{TRACES[0]}-{span.span_id.hex()}-01".encode())]]


async def test_a_transaction_that_fails_is_a_span_with_its_error_and_the_retry_is_another(collector, caplog):
    caplog.set_level(logging.CRITICAL + 1, "consumer")  # pytest cannot report a line that is no UTF-8
    first = batch(0, b"a", b"b")
    async with traced(first, first, faults=[KafkaError("coordinator \udcff gone")]) as bench:
        await bench.run_until_committed(2)
    failed, done = collector.wait_for(2)
    assert attributes(failed)["error.type"] == "KafkaError"
    assert failed.status.code == 2
    assert "coordinator \\udcff gone" in failed.status.message
    assert (done.status.code, "error.type" in attributes(done)) == (0, False)
    assert failed.span_id != done.span_id


async def test_a_span_has_the_first_links_and_says_how_many_it_has_not(collector):
    most = otlp_tracing.MOST_LINKS
    parents = [f"00-{number + 1:032x}-{PARENTS[0]}-01".encode() for number in range(most + 7)]
    records = [FakeRecord(b"a", offset=n, headers=(("traceparent", one),)) for n, one in enumerate(parents)]
    async with traced(records) as bench:
        await bench.run_until_committed(len(records))
    (span,) = collector.wait_for(1)
    assert [int(trace, 16) for trace, _ in ids(span.links)] == list(range(1, most + 1))
    assert attributes(span)["ratecast.links.omitted"] == 7
    assert len(bench.topics.headers) == most + 7


async def test_the_header_counts_when_predictions_are_fitted_to_a_topic(collector):
    """They would be refused again, and again, until the worker gives up."""
    refusal = OutputRejectedError(Outgoing("rate-predictions", 0, []), MessageSizeTooLargeError())
    whole = batch(0, b"small", b"x" * 60)  # fits into 100 bytes without the header
    async with traced(whole, whole, faults=[refusal]) as bench:
        await bench.run_until_committed(2)
    assert bench.count("dead_letters_total", code="too_large") == 1
    bench = Bench(whole, whole, faults=[refusal])
    await bench.run_until_committed(2)
    assert bench.count("dead_letters_total", code="too_large") == 0


async def test_both_latencies_have_the_span_as_their_exemplar(collector):
    async with traced(batch(0, b"a")) as bench:
        await bench.run_until_committed(1)
    (span,) = collector.wait_for(1)
    example = f'# {{span_id="{span.span_id.hex()}",trace_id="{span.trace_id.hex()}"}} '
    body, content_type = exposition(bench.registry, "application/openmetrics-text;version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    lines = [line for line in body.decode().splitlines() if example in line]
    assert [line.partition("_bucket{")[0] for line in lines] == [
        "inference_latency_seconds",
        "message_latency_seconds",
    ]
    plain, _ = exposition(bench.registry, "text/plain;version=0.0.4")
    assert b"trace_id" not in plain


async def test_a_trace_that_is_not_sampled_is_no_exemplar_but_is_passed_on(collector):
    async with traced([FakeRecord(b"a", headers=(traceparent(0, "00"),))]) as bench:
        await bench.run_until_committed(1)
    assert collector.spans() == []  # closing sent what there was
    ((name, value),) = bench.topics.headers[0]
    assert name == "traceparent"
    assert re.fullmatch(rb"00-%b-[0-9a-f]{16}-00" % TRACES[0].encode(), value)
    body, _ = exposition(bench.registry, "application/openmetrics-text;version=1.0.0")
    assert b"trace_id" not in body


async def test_without_tracing_headers_stay_as_they_are():
    headers = (("traceparent", b"00-abc-def-01"), traceparent(0), ("tracestate", b"v=1"))
    bench = Bench([FakeRecord(b"a", headers=headers)])
    await bench.run_until_committed(1)
    assert bench.topics.headers == [list(headers)]


async def test_the_line_of_a_dead_letter_has_its_fields_with_and_without_tracing(collector, caplog):
    records = [FakeRecord(b"bad", offset=7, headers=(traceparent(0),))]
    bench = Bench(records)
    await bench.run_until_committed(8)
    async with traced(records) as traced_bench:
        await traced_bench.run_until_committed(8)
    (span,) = collector.wait_for(1)
    lines = [json.loads(JsonFormatter().format(each)) for each in caplog.records if "dead letter" in each.msg]
    expected = {
        "level": "warning",
        "logger": "consumer.dead_letters",
        "message": "dead letter rate-histories-0@7: invalid_json: bad",
        "topic": "rate-histories",
        "partition": 0,
        "offset": 7,
        "code": "invalid_json",
        "model_version": "v1",
        "trace_id": TRACES[0],
    }
    assert [line.pop("span_id") for line in lines] == [PARENTS[0], span.span_id.hex()]
    assert [{**line, "time": ""} for line in lines] == [{**expected, "time": ""}] * 2


async def test_a_worker_goes_on_without_a_collector_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:secret@127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    caplog.set_level(logging.INFO, "monitoring.span_delivery")
    monkeypatch.setattr(logging.getLogger("opentelemetry"), "disabled", True)
    async with traced(*[batch(n, b"a") for n in range(5)]) as bench:
        await bench.run_until_committed(5)
        async with asyncio.timeout(10):
            while "does not accept spans" not in caplog.text:
                await asyncio.sleep(0.005)
    lines = [each for each in caplog.records if each.name == "monitoring.span_delivery"]
    assert len(lines) == 1
    assert "secret" not in lines[0].getMessage()


async def test_a_collector_that_hangs_does_not_keep_a_worker_from_stopping(collector, monkeypatch):
    monkeypatch.setattr(otlp_tracing, "_CLOSE_SECONDS", 0.05)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
    collector.answers.clear()
    async with asyncio.timeout(20):  # OpenTelemetry's own shutdown waits for half a minute
        async with traced(batch(0, b"a")) as bench:
            await bench.run_until_committed(1)
    assert collector.spans() == []
    collector.answers.set()
    collector.wait_for(1)


async def test_a_collector_that_works_again_gets_spans_again(collector, caplog):
    caplog.set_level(logging.INFO, "monitoring.span_delivery")
    collector.statuses = [400]
    async with traced(batch(0, b"a"), batch(1, b"b")) as bench:
        await bench.run_until_committed(1)
        async with asyncio.timeout(10):
            while "does not accept spans" not in caplog.text:
                await asyncio.sleep(0.005)
        bench.consumer.polls.append(batch(2, b"c"))
        bench.pipeline._stopping.clear()
        await bench.run_until_committed(3)
        async with asyncio.timeout(10):
            while "accepts spans again" not in caplog.text:
                await asyncio.sleep(0.005)
    assert collector.spans()
