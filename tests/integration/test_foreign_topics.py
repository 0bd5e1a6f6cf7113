"""Topics that others make, fill, trim, delete and leave open: nothing is lost without a word."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from consumer import held_back
from ratecast.contract.messages import Prediction
from ratecast.kafka.audit import audit
from ratecast.kafka.client import admin
from ratecast.kafka.topics import ensure_topics, partition_counts
from tests.integration.workers import publish, read, running_worker, until

if TYPE_CHECKING:
    from ratecast.settings import Settings

HISTORY = [0.85, 0.86, 0.87]


# The embedded broker has no topic ids, no deletion of records and no limits of its own.
pytestmark = pytest.mark.apache_kafka


def message(number: int) -> tuple[bytes | None, bytes | None, list[Any]]:
    return b"EUR/GBP", json.dumps({"history": HISTORY, "message_id": str(number)}).encode(), []


async def make_topic(settings: Settings, name: str, partitions: int = 4, **config: str) -> None:
    async with admin(settings) as client:
        response = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
        assert [error[1] for error in response.topic_errors] == [0]
    await until_made(settings, name)


async def until_made(settings: Settings, name: str) -> None:
    async with admin(settings) as client:
        while name not in await partition_counts(client):
            await asyncio.sleep(0.02)


async def make_anew(settings: Settings) -> None:
    async with admin(settings) as client:
        await client.delete_topics([settings.input_topic])
        while settings.input_topic in await partition_counts(client):
            await asyncio.sleep(0.02)
    await make_topic(settings, settings.input_topic)


async def trim(settings: Settings, before: int) -> None:
    async with admin(settings) as client:
        await client.delete_records({TopicPartition(settings.input_topic, 0): RecordsToDelete(before)})


def metric(worker: Any, name: str) -> float:
    return sum(
        sample.value
        for family in worker.http._registry.collect()
        for sample in family.samples
        if sample.name == name
    )


async def test_a_topic_made_anew_while_no_worker_runs_is_read_from_its_beginning(settings, caplog) -> None:
    async with running_worker(settings):
        await publish(settings, [message(n) for n in range(40)], partition=0)
        await read(settings, settings.output_topic, 40)
    await make_anew(settings)
    await publish(settings, [message(n) for n in range(100, 170)], partition=0)
    pending = await audit(settings)
    assert (len(pending.pending), pending.lost, pending.earlier) == (70, [], 40)
    async with running_worker(settings):
        records = await read(settings, settings.output_topic, 110)
    scored = [json.loads(record.value)["message_id"] for record in records[-70:]]
    assert scored == [str(n) for n in range(100, 170)]
    # A broker forgets the group's offsets together with the topic.
    assert "or the topic was recreated). Up to 70 records may be scored again" in caplog.text
    done = await audit(settings)
    assert (done.exactly_once, done.scored, done.earlier) == (True, 70, 40)


async def test_a_topic_made_anew_behind_a_standing_worker_loses_and_repeats_nothing(
    settings, monkeypatch, caplog
) -> None:
    """The worker is held still as by SIGSTOP: its client sees neither the deletion nor the gap."""
    from aiokafka.client import AIOKafkaClient
    from aiokafka.protocol.fetch import FetchRequest

    async with running_worker(settings) as worker:
        await publish(settings, [message(n) for n in range(50)], partition=0)
        await read(settings, settings.output_topic, 50)
        send, going, is_held = AIOKafkaClient.send, asyncio.Event(), asyncio.Event()
        client = worker._consumer._client

        async def held(self: Any, node: int, request: Any, **options: Any) -> Any:
            if self is client:
                if isinstance(request, FetchRequest):
                    is_held.set()
                await going.wait()
            return await send(self, node, request, **options)

        monkeypatch.setattr(AIOKafkaClient, "send", held)
        await is_held.wait()  # the fetch that was sent before has come back
        await make_anew(settings)
        await publish(settings, [message(n) for n in range(1000, 1200)], partition=0)
        going.set()
        await read(settings, settings.output_topic, 250)
    done = await audit(settings)
    assert (done.lost, done.duplicated, done.scored, done.earlier) == ([], [], 200, 50)
    assert "recreated" in caplog.text


async def test_records_that_retention_removed_are_counted_said_and_make_verify_fail(settings, caplog) -> None:
    async with running_worker(settings):
        await publish(settings, [message(n) for n in range(30)], partition=0)
        await read(settings, settings.output_topic, 30)
    await publish(settings, [message(n) for n in range(30, 90)], partition=0)
    await trim(settings, 50)
    before = await audit(settings)
    assert (before.removed, before.sound) == (20, False)
    async with running_worker(settings) as worker:
        await read(settings, settings.output_topic, 70)
        assert metric(worker, "records_lost_to_retention_total") == 20
    assert "retention removed 20 records (offsets 30 to 49) before they were scored" in caplog.text
    after = await audit(settings)
    assert (after.removed, after.sound, after.exactly_once, after.lost) == (20, False, False, [])
    part = after.partitions[0].removed
    assert (part.first, part.last) == (30, 49)


async def test_records_removed_under_a_running_worker_are_noticed_too(settings) -> None:
    async with running_worker(settings) as worker:
        (pipeline,) = [p for p, _ in worker._pipelines.values() if p.source.partition == 0]
        await until(lambda: pipeline._outcomes is not None)
        worker._consumer.pause(pipeline.source)
        await publish(settings, [message(n) for n in range(40)], partition=0)
        await trim(settings, 25)
        worker._consumer.resume(pipeline.source)
        records = await read(settings, settings.output_topic, 15)
        await until(lambda: metric(worker, "prediction_requests_total") >= 15)
        removed = metric(worker, "records_lost_to_retention_total")
    assert (len(records), removed) == (15, 25)


async def test_records_behind_a_foreign_open_transaction_are_told(settings, monkeypatch, caplog) -> None:
    from confluent_kafka import Producer

    monkeypatch.setattr(held_back, "_LIMIT_SECONDS", 0.5)
    await ensure_topics(settings)
    upstream = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "transactional.id": settings.group_id + "-upstream",
            "transaction.timeout.ms": 600_000,
        }
    )
    upstream.init_transactions(30)
    upstream.begin_transaction()
    upstream.produce(settings.input_topic, value=message(0)[1], key="EUR/GBP", partition=0)
    upstream.flush(10)
    try:
        async with running_worker(settings) as worker:
            await publish(settings, [message(n) for n in range(1, 51)], partition=0)
            await until(lambda: metric(worker, "consumer_records_held_back") == 51)
            assert metric(worker, "consumer_lag_records") == 51
            found = await audit(settings)
            assert (found.held_back, found.partitions[0].held_from, found.sound) == (51, 0, True)
            await until(lambda: "left open at offset 0" in caplog.text)
            upstream.abort_transaction(30)
            await read(settings, settings.output_topic, 50)
            await until(lambda: metric(worker, "consumer_records_held_back") == 0)
            await until(lambda: metric(worker, "consumer_lag_records") == 0)
    finally:
        del upstream
    assert (await audit(settings)).exactly_once


async def test_messages_without_a_key_come_out_of_a_compacted_topic_under_their_pair(settings) -> None:
    await make_topic(settings, settings.output_topic, **{"cleanup.policy": "compact"})
    async with running_worker(settings):
        await publish(settings, [(None, message(1)[1], [])], partition=0)
        (record,) = await read(settings, settings.output_topic, 1)
    assert record.key == b"EUR/GBP"


async def test_a_dead_letter_without_a_key_gets_one_where_its_topic_takes_none_without(
    settings, caplog
) -> None:
    await make_topic(settings, settings.dead_letter_topic, **{"cleanup.policy": "compact"})
    async with running_worker(settings):
        await publish(settings, [(None, b"{", []), (b"k", b"{", [])], partition=0)
        letters = await read(settings, settings.dead_letter_topic, 2)
    assert {letter.key for letter in letters} == {f"{settings.input_topic}-0-0".encode(), b"k"}
    assert [dict(letter.headers).get("ratecast.key.added") for letter in letters] == [b"true", None]
    assert f"{settings.dead_letter_topic} is compacted" in caplog.text
    assert "INVALID_RECORD" in caplog.text
    assert (await audit(settings)).exactly_once


async def test_batches_are_kept_below_what_the_output_topic_takes(settings, caplog) -> None:
    caplog.set_level(logging.INFO)
    await make_topic(settings, settings.output_topic, **{"max.message.bytes": "100000"})
    await ensure_topics(settings)
    await publish(settings, [message(n) for n in range(600)], partition=0)
    async with running_worker(settings) as worker:
        await read(settings, settings.output_topic, 600)
        failures = metric(worker, "transactions_total") - sum(
            sample.value
            for family in worker.http._registry.collect()
            for sample in family.samples
            if sample.name == "transactions_total" and sample.labels["outcome"] == "committed"
        )
    assert failures == 0
    assert f"topic {settings.output_topic} accepts batches of at most 100000 bytes" in caplog.text


async def test_a_prediction_that_its_topic_cannot_take_becomes_a_dead_letter_and_the_others_come_through(
    settings,
) -> None:
    await make_topic(settings, settings.output_topic, **{"max.message.bytes": "20000"})
    large = (b"EUR/GBP", message(7)[1], [("note", b"x" * 30_000)])
    async with running_worker(settings):
        await publish(settings, [message(1), large, message(2)], partition=0)
        (letter,) = await read(settings, settings.dead_letter_topic, 1)
        records = await read(settings, settings.output_topic, 2)
    assert dict(letter.headers)["ratecast.error.code"] == b"too_large"
    assert b"max.message.bytes" in dict(letter.headers)["ratecast.error.message"]
    assert [Prediction.model_validate_json(record.value).message_id for record in records] == ["1", "2"]
    assert (await audit(settings)).exactly_once


async def test_a_group_without_offsets_beside_old_predictions_is_told_before_it_scores_again(
    settings, caplog
) -> None:
    async with running_worker(settings):
        await publish(settings, [message(n) for n in range(12)], partition=0)
        await read(settings, settings.output_topic, 12)
    renamed = settings.model_copy(update={"group_id": settings.group_id + "-renamed"})
    async with running_worker(renamed):
        await read(settings, settings.output_topic, 24)
    assert f"group {renamed.group_id} has no committed offset on {settings.input_topic}-0" in caplog.text
    assert "Up to 12 records may be scored again" in caplog.text
