"""How tracing is turned on, and what it refuses."""

from __future__ import annotations

import sys
import time

import pytest

from monitoring import otlp_tracing
from monitoring.chosen_tracing import tracing_for
from monitoring.tracing import Tracing
from ratecast.errors import UsageError
from ratecast.scoring.scored_batch import ScoredBatch
from ratecast.settings import Settings
from tests.fakes import FakeRecord


def test_it_is_off_by_default_whatever_opentelemetry_is_told(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert type(tracing_for(Settings())) is Tracing


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "monitoring.otlp_tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(UsageError, match=r"needs the extra `tracing`.*pip install 'ratecast\[tracing\]'"):
        tracing_for(Settings(tracing="otlp"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "ratecast sends http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "must begin with http:// or https://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://127.0.0.1", "must begin with http:// or https://"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "RATECAST_TRACING=otlp: schedule_delay_millis must be positive"),
        (
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "many",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer",
        ),
    ],
)
def test_a_wrong_variable_of_opentelemetry_is_refused_in_one_line(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        tracing_for(Settings(tracing="otlp"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("headers", ["hush", "a=b,hush", 'authorization=Bearer "hush"', "bad name=hush"])
def test_malformed_headers_are_refused_and_shown_nowhere(monkeypatch, caplog, headers):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_HEADERS must be name=value pairs") as caught:
        tracing_for(Settings(tracing="otlp"))
    assert "hush" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("headers", ["", "authorization=Bearer hush", "a=b, x-key=hush%3D", "a=1,A=2,"])
async def test_headers_as_opentelemetry_takes_them_are_accepted(monkeypatch, caplog, headers):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    tracing = tracing_for(Settings(tracing="otlp"))
    await tracing.close()
    assert "hush" not in caplog.text


async def test_opentelemetrys_own_switch_turns_spans_off(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing = tracing_for(Settings(tracing="otlp"))
    with tracing.batch([FakeRecord(b"a")], ScoredBatch.rejected([]), time.perf_counter()) as span:
        assert span is None
    await tracing.close()


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://one:4318/base/"}, "http://one:4318/base/v1/traces"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://one",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://two/x",
            },
            "http://two/x",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, "http://localhost:4318/v1/traces"),
    ],
)
def test_the_endpoint_that_it_names_is_the_one_that_the_exporter_uses(monkeypatch, variables, endpoint):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    exporter = otlp_tracing.OTLPSpanExporter()
    assert (otlp_tracing._endpoint(), exporter._endpoint) == (endpoint, endpoint)
    exporter.shutdown()
