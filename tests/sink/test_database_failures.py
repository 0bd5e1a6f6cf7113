"""A database that is down, full, read-only, frozen or foreign: one line with a remedy, nothing lost, an exit in time."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import psycopg
import pytest
from pydantic import SecretStr

from ratecast.errors import DatabaseError
from ratecast.kafka.topics import ensure_topics
from ratecast_stack.children import free_port
from sink.postgres_sink import PostgresSink
from tests.integration.workers import until
from tests.postgres import PASSWORD, rows, value
from tests.sink.sinks import predictions, running_sink, send, start_process, write_all

FULL = """
CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file "base/1/2": No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON ratecast.predictions EXECUTE FUNCTION public.full_disk();
"""


def database_of(dsn: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


def written(dsn: str) -> int:
    return int(value(dsn, "SELECT count(*) FROM ratecast.predictions"))


@pytest.mark.parametrize(
    ("spoil", "repair", "words"),
    [
        (FULL, "DROP TRIGGER full_disk ON ratecast.predictions", "its disk is full: free space"),
        (
            "ALTER DATABASE {name} SET default_transaction_read_only = on",
            "SET transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only",
            "it is read-only: connect to the primary",
        ),
    ],
    ids=["full", "read-only"],
)
async def test_a_full_or_read_only_database_is_told_in_words_and_gets_everything_later(
    sink_settings, dsn, caplog, spoil, repair, words
):
    await ensure_topics(sink_settings)
    await write_all(sink_settings)
    name = database_of(dsn)
    rows(dsn, spoil.replace("{name}", name))
    await send(sink_settings, predictions(sink_settings, 20))
    hasty = sink_settings.model_copy(update={"give_up_seconds": 1.0})
    with pytest.raises(DatabaseError, match=rf"nothing could be written for \d+ s: .*{words}"):
        await PostgresSink(hasty).run()
    assert written(dsn) == 0
    caplog.set_level(logging.INFO)
    async with running_sink(sink_settings, "connecting") as sink:
        await until(lambda: "fault" in sink.readiness())
        assert words in sink.readiness()["fault"]
        assert not sink.readiness()["ready"]
        assert sink.unhealthy() is None  # a restart would not help
        rows(dsn, repair.replace("{name}", name))
        await until(lambda: written(dsn) == 20)
        await until(lambda: sink.readiness()["ready"])
    assert "the sink works again after" in caplog.text


async def test_a_database_that_is_down_at_the_start_is_waited_for(
    sink_settings, dsn, postgres_server, caplog
):
    await ensure_topics(sink_settings)
    await send(sink_settings, predictions(sink_settings, 20))
    postgres_server.stop()
    try:
        async with running_sink(sink_settings, "connecting") as sink:
            await until(lambda: "fault" in sink.readiness())
            postgres_server.start()
            await until(lambda: sink.readiness()["ready"])
            await until(lambda: written(dsn) == 20)
    finally:
        if postgres_server.stopped:
            postgres_server.start()
    assert "Connection refused" in caplog.text
    assert "check that PostgreSQL runs" in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_frozen_database_ends_the_sink_in_time(sink_settings, dsn):
    hasty = sink_settings.model_copy(update={"give_up_seconds": 1.0})
    await ensure_topics(sink_settings)
    sink = PostgresSink(hasty)
    task = asyncio.create_task(sink.run())
    await until(lambda: sink.readiness()["state"] == "writing")
    (backend,) = rows(dsn, "SELECT pid FROM pg_stat_activity WHERE application_name = 'ratecast sink'")[0]
    os.kill(backend, signal.SIGSTOP)
    try:
        await send(sink_settings, predictions(sink_settings, 5))
        with pytest.raises(DatabaseError, match=r"a step of the sink \(writing\) has not ended for \d+ s"):
            await asyncio.wait_for(task, 30)
    finally:
        os.kill(backend, signal.SIGCONT)
    await write_all(sink_settings)
    assert written(dsn) == 5


async def test_the_command_names_the_fault_never_the_password_and_exits_with_1(settings):
    await ensure_topics(settings)
    nowhere = f"host=127.0.0.1 port={free_port()} user=owner password={PASSWORD}"
    given = settings.model_copy(update={"postgres_dsn": SecretStr(nowhere), "give_up_seconds": 0.5})
    process = await start_process(given, "--log-level", "DEBUG")
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"error: nothing could be written for" in err
    assert b"Connection refused" in err
    assert b"Traceback" not in err
    assert PASSWORD.encode() not in out + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_command_cleanly_even_without_a_database(settings, number):
    await ensure_topics(settings)
    nowhere = f"host=127.0.0.1 port={free_port()}"
    given = settings.model_copy(update={"postgres_dsn": SecretStr(nowhere)})
    process = await start_process(given)
    assert process.stderr is not None
    async for line in process.stderr:
        if b"trying again" in line:
            break
    process.send_signal(number)
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert b"stopped" in err.splitlines()[-1]


async def test_a_login_that_is_refused_is_told_without_the_password(sink_settings, dsn, caplog):
    await ensure_topics(sink_settings)
    wrong = SecretStr(dsn.replace(PASSWORD, "wr0ng-p4ss"))
    hasty = sink_settings.model_copy(update={"give_up_seconds": 0.3, "postgres_dsn": wrong})
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DatabaseError, match='password authentication failed for user "owner"') as raised:
        await PostgresSink(hasty).run()
    assert "wr0ng" not in caplog.text + repr(raised.value) + repr(hasty)


async def test_a_session_that_the_server_ended_while_the_sink_was_frozen_is_opened_again(
    sink_settings, dsn, caplog
):
    await ensure_topics(sink_settings)
    async with running_sink(sink_settings) as sink:
        rows(
            dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ratecast sink'",
        )
        await send(sink_settings, predictions(sink_settings, 10))
        await until(lambda: written(dsn) == 10)
        await until(lambda: sink.readiness()["ready"])
    assert "terminating connection due to administrator command (it is stopping or starting)" in caplog.text
