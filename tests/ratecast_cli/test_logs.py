from __future__ import annotations

import asyncio
import gc
import io
import json
import logging

import numpy as np
import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, ProducerFenced
from aiokafka.protocol.admin import ApiVersionRequest_v0, SaslAuthenticateRequest_v0

from ratecast.log_fields import FIELDS
from ratecast.settings import Settings
from ratecast_cli.logs import (
    ClientLeftovers,
    JsonFormatter,
    Logins,
    RepeatedRecently,
    Retried,
    configure_logging,
)


def record(name: str, line: int, created: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, "client.py", line, "no %s", ("broker",), None)
    made.created = created
    return made


@pytest.mark.parametrize(
    ("name", "let_through"), [("aiokafka.client", [True, False, True]), ("consumer.worker", [True] * 3)]
)
def test_only_the_clients_repetitions_are_held_back(name: str, let_through: list[bool]) -> None:
    repeated = RepeatedRecently(quiet_seconds=10)
    assert [repeated.filter(record(name, 1, at)) for at in (100.0, 109.9, 110.0)] == let_through
    assert repeated.filter(record(name, 2, 110.0))


def test_what_opentelemetry_says_of_a_collector_is_held_back_longer() -> None:
    repeated = RepeatedRecently(quiet_seconds=10, quiet_seconds_of_retries=600)
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    assert [repeated.filter(record(name, 1, at)) for at in (1000.0, 1599.0, 1600.0)] == [True, False, True]


def test_the_clients_messages_about_retries_are_held_back_longer() -> None:
    repeated = RepeatedRecently(quiet_seconds=10, quiet_seconds_of_retries=600)
    records = [record("aiokafka.producer.sender", 1, at) for at in (1000.0, 1599.0, 1600.0)]
    for each in records:
        each.msg = "Got error produce response on %s, retrying. Error: %s"
    assert [repeated.filter(each) for each in records] == [True, False, True]


@pytest.mark.parametrize(
    ("name", "cause", "level"),
    [
        ("aiokafka.consumer.group_coordinator", GroupCoordinatorNotAvailableError(), "WARNING"),
        ("aiokafka.consumer.group_coordinator", GroupAuthorizationFailedError(), "ERROR"),
        ("consumer.pipeline", GroupCoordinatorNotAvailableError(), "ERROR"),
    ],
)
def test_an_error_that_the_client_retries_is_a_warning(name: str, cause: Exception, level: str) -> None:
    logged = record(name, 1, 0.0)
    logged.args = (cause,)
    assert Retried().filter(logged)
    assert (logged.levelname, logged.levelno) == (level, getattr(logging, level))


def test_a_json_line_is_one_object() -> None:
    line = json.loads(JsonFormatter().format(record("consumer.worker", 1, 0.0)))
    assert line == {
        "time": "1970-01-01T00:00:00+00:00",
        "level": "error",
        "logger": "consumer.worker",
        "message": "no broker",
    }


HOSTILE = "a\r\nERROR forged \x1b[31m\x7f\x85\x9b\u2028\u2029\u202e\udcff\x00…"


def test_what_a_message_quotes_is_escaped_and_stays_on_its_line():
    made = record("consumer.worker", 1, 0.0)
    made.args, made.topic, made.pair = (HOSTILE,), HOSTILE, np.float64(1)
    line = JsonFormatter().format(made)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == f"no {HOSTILE}"
    assert json.loads(line)["topic"] == HOSTILE


def test_a_json_line_has_the_fields_that_are_known_and_no_others():
    made = record("consumer.worker", 1, 0.0)
    vars(made).update(dict.fromkeys(FIELDS, 7), offset=None, password="hush")  # noqa: S106 - invented
    line = json.loads(JsonFormatter().format(made))
    assert list(line) == [
        "time",
        "level",
        "logger",
        "message",
        *(name for name in FIELDS if name != "offset"),
    ]


def test_no_field_has_a_name_that_logging_uses_itself():
    assert not set(FIELDS) & vars(record("consumer.worker", 1, 0.0)).keys()


@pytest.mark.parametrize(
    ("log_format", "is_terminal", "is_json"),
    [("auto", True, False), ("auto", False, True), ("text", False, False), ("json", True, True)],
)
def test_logs_are_text_on_a_terminal_and_json_elsewhere_unless_asked(
    monkeypatch, log_format, is_terminal, is_json
):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    configure_logging(Settings(log_format=log_format))
    logging.getLogger("consumer.worker").info("joined", extra={"topic": "rate-histories"})
    assert stream.getvalue().endswith('"topic": "rate-histories"}\n' if is_json else " INFO    joined\n")
    assert stream.getvalue().startswith("{") is is_json


class MessageAccumulator:
    """Has the name of the client's class, whose flush waits for a broker that is gone."""

    async def close(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(("error", "logged"), [(ProducerFenced(), False), (ValueError("ours"), True)])
def test_failures_that_the_client_reports_twice_are_logged_once(caplog, error, logged) -> None:
    caplog.handler.addFilter(leftovers := ClientLeftovers())
    try:
        loop = asyncio.new_event_loop()
        loop.create_future().set_exception(error)
        gc.collect()
        loop.close()
    finally:
        caplog.handler.removeFilter(leftovers)
    assert ("never retrieved" in caplog.text) is logged


def test_a_flush_that_the_client_abandons_is_not_logged(caplog) -> None:
    async def ours() -> None:
        await asyncio.Event().wait()

    async def begin(work) -> None:
        asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)

    caplog.handler.addFilter(leftovers := ClientLeftovers())
    try:
        for work in (MessageAccumulator().close, ours):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(begin(work))
            loop.close()
            gc.collect()
    finally:
        caplog.handler.removeFilter(leftovers)
    assert "MessageAccumulator" not in caplog.text
    assert "ours()" in caplog.text


def test_the_bytes_of_a_login_are_never_logged() -> None:
    """At the level DEBUG the client logs each request, and that of a login contains the password."""
    said = [
        logging.LogRecord(
            "aiokafka.conn", logging.DEBUG, "conn.py", 1, "Request to %s: %s", ("broker", request), None
        )
        for request in (SaslAuthenticateRequest_v0(b"user\0user\0password"), ApiVersionRequest_v0())
    ]
    assert "password" in said[0].getMessage()
    assert [Logins().filter(record) for record in said] == [False, True]
