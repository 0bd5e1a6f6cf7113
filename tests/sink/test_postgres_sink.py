"""Each record becomes one row, whatever else happens: real broker, real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import aiohttp
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from ratecast.errors import DatabaseError
from ratecast.kafka.audit import audit
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings
from ratecast_stack.embedded import EmbeddedBroker
from sink.postgres_sink import PostgresSink
from tests.integration.workers import publish, until
from tests.postgres import rows, value
from tests.sink.sinks import letters, predictions, running_sink, send, start_process, write_all

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

COUNTS = """
SELECT count(*), count(DISTINCT (topic_key, kafka_partition, kafka_offset)),
       count(DISTINCT (source_topic, source_partition, source_offset))
FROM ratecast.predictions
"""


async def test_every_record_of_both_topics_becomes_one_row_and_verify_counts_the_same(sink_settings, dsn):
    await ensure_topics(sink_settings)
    inputs = [(b"EUR/GBP", b"{}", [])]
    for partition in range(2):
        await publish(sink_settings, inputs * 60, partition)
        await send(sink_settings, predictions(sink_settings, 50, partition=partition))
        await send(sink_settings, letters(sink_settings, 10, first=50, partition=partition))
    await send(sink_settings, [(sink_settings.output_topic, 3, b'{"rate": 1}', [])])
    await send(sink_settings, [(sink_settings.dead_letter_topic, 3, b"no headers", [])])

    await write_all(sink_settings)
    await write_all(sink_settings)  # finds nothing to do

    counted = await audit(sink_settings)
    assert (counted.scored, counted.dead_lettered, counted.unreadable) == (100, 20, 2)
    assert rows(dsn, COUNTS) == [(counted.scored,) * 3]
    assert value(dsn, "SELECT count(*) FROM ratecast.dead_letters") == counted.dead_lettered
    reasons = rows(dsn, "SELECT reason, value FROM ratecast.rejected_records ORDER BY reason")
    assert reasons == [
        (
            "not a dead letter: its headers do not say which record it was made from (ratecast.source.*)",
            b"no headers",
        ),
        ("not a prediction: Object missing required field `message_id`", b'{"rate": 1}'),
    ]


async def test_metrics_and_readiness_say_what_was_written_and_what_waits(sink_settings):
    await ensure_topics(sink_settings)
    await send(sink_settings, predictions(sink_settings, 30) + letters(sink_settings, 5))
    async with running_sink(sink_settings) as sink, aiohttp.ClientSession() as http:
        address = f"http://127.0.0.1:{sink.http.port}"

        async def sample(name: str, **labels: str) -> float | None:
            async with http.get(f"{address}/metrics") as answer:
                families = list(text_string_to_metric_families(await answer.text()))
            found = [one.value for family in families for one in family.samples
                     if one.name == name and labels.items() <= one.labels.items()]  # fmt: skip
            return found[0] if found else None

        async with asyncio.timeout(30):
            while await sample("sink_rows_total", table="dead_letters") != 5:
                await asyncio.sleep(0.05)
            while await sample("sink_rows_total", table="predictions") != 30:
                await asyncio.sleep(0.05)
        assert await sample("sink_lag_records", topic=sink_settings.output_topic, partition="0") == 0
        assert await sample("sink_lag_seconds", topic=sink_settings.dead_letter_topic, partition="0") == 0
        assert await sample("sink_database_up") == 1
        assert await sample("sink_active") == 1
        assert await sample("sink_batch_seconds_count") >= 1
        async with http.get(f"{address}/ready") as answer:
            assert (answer.status, await answer.json()) == (
                200,
                {"ready": True, "state": "writing", "broker_reachable": True},
            )
        async with http.get(f"{address}/health") as answer:
            assert answer.status == 200


async def test_rows_stand_once_though_sink_and_database_are_killed(
    sink_settings: Settings, dsn: str, postgres_server: PostgresServer
):
    """Small batches, so that every kill falls into the middle of the work."""
    settings = sink_settings.model_copy(update={"max_poll_records": 20})
    await ensure_topics(settings)
    total = 3000
    for partition in range(3):
        await send(settings, predictions(settings, total // 3, partition=partition))

    def written() -> int:
        try:
            return int(value(dsn, "SELECT count(*) FROM ratecast.predictions"))
        except (
            psycopg.OperationalError
        ):  # the server recovers, perhaps a moment after the death of its backend
            return -1

    process = await start_process(settings)
    try:
        await until(lambda: value(dsn, "SELECT to_regclass('ratecast.offsets') IS NOT NULL"))
        for threshold in (100, 500):
            await until(lambda reached=threshold: written() >= reached)
            process.kill()
            await process.wait()
            assert written() < total, "the kill came too late to prove anything"
            process = await start_process(settings)
        await until(lambda: written() >= 900)
        # The death of one backend makes the server end all others and recover.
        (backend,) = rows(dsn, "SELECT pid FROM pg_stat_activity WHERE application_name = 'ratecast sink'")[0]
        os.kill(backend, signal.SIGKILL)
        postgres_server.wait()
        await until(lambda: written() >= 1500)
        assert written() < total
        postgres_server.stop(crash=True)
        postgres_server.start()
        await until(lambda: written() >= total)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert rows(dsn, COUNTS) == [(total,) * 3]


async def test_a_second_sink_stands_by_and_takes_over(sink_settings, dsn):
    await ensure_topics(sink_settings)
    async with running_sink(sink_settings) as first, running_sink(sink_settings, "standing by") as second:
        await send(sink_settings, predictions(sink_settings, 10))
        await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 10)
        assert second.readiness()["ready"]
        assert second.readiness()["state"] == "standing by"
        first.stop()
        await until(lambda: second.readiness()["state"] == "writing")
        await send(sink_settings, predictions(sink_settings, 10, first=10))
        await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 20)
    assert rows(dsn, COUNTS) == [(20, 20, 20)]


async def test_a_sink_whose_offsets_were_moved_by_another_writes_nothing_of_its_batch(
    sink_settings, dsn, caplog
):
    """As behind a pooler that hands one session to several sinks, where the lock protects nothing."""
    await ensure_topics(sink_settings)
    async with running_sink(sink_settings) as sink:
        await send(sink_settings, predictions(sink_settings, 10))
        await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 10)
        rows(dsn, "UPDATE ratecast.offsets SET next_offset = 15 WHERE topic_key = 1 AND kafka_partition = 0")
        await send(sink_settings, predictions(sink_settings, 10, first=10))
        await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 15)
        assert sink.metrics._batches.labels("overtaken")._value.get() == 1
    assert "somebody else changed table ratecast.offsets: nothing of this batch was written" in caplog.text
    # The five records before the offset are what the other one claims to have written.
    assert value(dsn, "SELECT min(kafka_offset) FROM ratecast.predictions WHERE kafka_offset >= 10") == 15


async def test_one_value_that_the_database_refuses_does_not_hold_up_the_others(sink_settings, dsn, caplog):
    await ensure_topics(sink_settings)
    await write_all(sink_settings)
    rows(dsn, "ALTER TABLE ratecast.predictions ADD CHECK (source_offset <> 33)")  # the owner's own rule
    await send(sink_settings, predictions(sink_settings, 100))
    await write_all(sink_settings)
    assert rows(dsn, COUNTS) == [(99, 99, 99)]
    ((offset, reason),) = rows(dsn, "SELECT kafka_offset, reason FROM ratecast.rejected_records")
    assert offset == 33
    assert reason.startswith("refused: new row for relation")
    assert "goes to table rejected_records" in caplog.text


async def test_rows_that_are_there_already_stay_and_are_counted(sink_settings, dsn, caplog):
    await ensure_topics(sink_settings)
    await send(sink_settings, predictions(sink_settings, 10))
    await write_all(sink_settings)
    rows(dsn, "UPDATE ratecast.offsets SET next_offset = 0")
    await send(sink_settings, predictions(sink_settings, 5, first=10))
    await write_all(sink_settings)
    assert rows(dsn, COUNTS) == [(15, 15, 15)]
    assert "10 of 15 records were in the tables already, and stay as they are" in caplog.text


async def test_offsets_beyond_the_end_of_the_topic_are_refused_with_a_way_out(sink_settings, dsn):
    await ensure_topics(sink_settings)
    await send(sink_settings, predictions(sink_settings, 10))
    await write_all(sink_settings)
    rows(dsn, "UPDATE ratecast.offsets SET next_offset = 500 WHERE topic_key = 1 AND kafka_partition = 0")
    hasty = sink_settings.model_copy(update={"give_up_seconds": 0.5})
    with pytest.raises(
        DatabaseError, match=r"up to offset 500, but the topic ends at 10: .*UPDATE ratecast"
    ) as raised:
        await write_all(hasty)
    rows(dsn, str(raised.value).rpartition(": ")[2])
    await write_all(sink_settings)
    assert value(dsn, "SELECT count(*) FROM ratecast.predictions") == 20  # once as each of the two topics


@pytest.mark.apache_kafka
async def test_a_topic_that_was_created_again_is_another_topic(sink_settings, dsn):
    """The embedded broker gives topics no ids."""
    from ratecast.kafka.client import admin

    await ensure_topics(sink_settings)
    await send(sink_settings, predictions(sink_settings, 10))
    async with running_sink(sink_settings):
        await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 10)
        async with admin(sink_settings) as client:
            await client.delete_topics([sink_settings.output_topic])
            await until_gone(client, sink_settings.output_topic)
        await ensure_topics(sink_settings)
        await send(sink_settings, predictions(sink_settings, 4))
        await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 14)
    found = rows(
        dsn,
        "SELECT t.topic_id, count(*), max(p.kafka_offset) FROM ratecast.predictions p JOIN ratecast.topics t "
        "USING (topic_key) GROUP BY t.topic_key, t.topic_id ORDER BY t.topic_key",
    )
    assert [(count, last) for _, count, last in found] == [(10, 9), (4, 3)]
    assert len({topic_id for topic_id, *_ in found}) == 2


@pytest.mark.apache_kafka
async def test_what_retention_removed_before_it_was_written_is_counted(sink_settings, dsn, caplog):
    """The embedded broker cannot delete records on request."""
    from aiokafka import TopicPartition
    from aiokafka.admin.records_to_delete import RecordsToDelete

    from ratecast.kafka.client import admin

    await ensure_topics(sink_settings)
    await send(sink_settings, predictions(sink_settings, 10))
    await write_all(sink_settings)
    await send(sink_settings, predictions(sink_settings, 10, first=10))
    async with admin(sink_settings) as client:
        place = TopicPartition(sink_settings.output_topic, 0)
        await client.delete_records({place: RecordsToDelete(before_offset=14)})
    sink = PostgresSink(sink_settings, follow=False)
    await sink.run()
    assert value(dsn, "SELECT count(*) FROM ratecast.predictions") == 16
    assert (
        "retention removed 4 records (offsets 10 to 13) before they were written to the database"
        in caplog.text
    )
    assert sink.metrics._lost._value.get() == 4
    await write_all(sink_settings)
    assert rows(
        dsn, "SELECT next_offset, removed_records FROM ratecast.offsets WHERE removed_records > 0"
    ) == [(20, 4)]


async def test_a_broker_that_goes_away_and_comes_back_costs_nothing(dsn, tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings(
            bootstrap_servers=broker.bootstrap_servers,
            postgres_dsn=SecretStr(dsn),
            http_port=0,
            give_up_seconds=60,
        )
        await ensure_topics(settings)
        async with running_sink(settings) as sink:
            await send(settings, predictions(settings, 10))
            await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 10)
            broker.stop()
            broker.start()
            await send(settings, predictions(settings, 10, first=10))
            await until(lambda: value(dsn, "SELECT count(*) FROM ratecast.predictions") == 20)
            await until(lambda: sink.readiness()["ready"])
        assert rows(dsn, COUNTS) == [(20, 20, 20)]


async def until_gone(client, topic):
    from ratecast.kafka.topics import partition_counts

    async with asyncio.timeout(30):
        while topic in await partition_counts(client):
            await asyncio.sleep(0.05)


async def test_a_topic_that_does_not_exist_is_named(sink_settings):
    from ratecast.errors import OperationError

    with pytest.raises(
        OperationError, match=r"does not exist at .*: create the topics with `ratecast topics`"
    ):
        await PostgresSink(sink_settings).run()
