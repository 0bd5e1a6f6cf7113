"""A restart, foreign records, and brokers that go away and come back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewPartitions

from ratecast.contract.wire import encode_prediction
from ratecast.kafka.client import admin, client_options
from ratecast.kafka.topics import ensure_topics
from ratecast_stack.children import free_port
from ratecast_stack.embedded import EmbeddedBroker
from tests.integration.workers import until
from tests.rows import dead_letter, prediction_row
from tests.web.served import running_web

if TYPE_CHECKING:
    from pathlib import Path

    from ratecast.settings import Settings

FOREIGN: list[bytes | None] = [
    None,
    b"",
    b"\xff\xfe\x00",
    b"null",
    b'"text"',
    b"[]",
    b"{}",
    b'{"message_id": "x", "pair": "EUR/USD"}',
    b"[" * 5_000,
    b"x" * 100_000,
    encode_prediction(prediction_row(1.0)).replace(b"EUR/GBP", b"<script>"),
    encode_prediction(prediction_row(1.0)).replace(b'"t-0-0"', b'"\\ud800"'),
    encode_prediction(prediction_row(1.0)).replace(b'"t-0-0"', b'"' + b"i" * 10_000 + b'"'),
]


async def publish(settings: Settings, topic: str, values: list[bytes | None], headers=()) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        await asyncio.gather(
            *[await producer.send(topic, value, b"k", partition=0, headers=list(headers)) for value in values]
        )
    finally:
        await producer.stop()


def rows(count: int, pair: str = "EUR/USD") -> list[bytes | None]:
    """Predictions as a worker writes them, of invented rates."""
    encoded: list[bytes | None] = []
    for number in range(count):
        row = prediction_row(1 + number / 1000, place=("t", 0, number))
        row.pair, row.as_of, row.target = (
            pair,
            f"2026-{1 + number // 28:02}-{1 + number % 28:02}",
            "2026-12-31",
        )
        row.alerts = ["jump"] if number % 10 == 0 else []
        encoded.append(encode_prediction(row))
    return encoded


async def state(web) -> dict:
    async with httpx.AsyncClient(base_url=web.url, timeout=20) as http:
        body = (await http.get("/api/state")).json()
        body["pair"] = (await http.get("/api/pairs/EUR-USD")).json()
        return body


async def test_a_restarted_program_shows_what_the_one_before_it_showed(settings):
    settings = settings.model_copy(update={"topic_partitions": 1, "web_messages_per_pair": 50})
    await ensure_topics(settings)
    async with running_web(settings) as web:
        await publish(settings, settings.output_topic, rows(80))
        value, headers = dead_letter(("t", 0, 99))
        await publish(settings, settings.dead_letter_topic, [value], headers)
        await until(lambda: (web.parts.memory.predictions, web.parts.memory.dead_letters) == (80, 1))
        before = await state(web)
    async with running_web(settings) as web:
        after = await state(web)
    assert len(before["pair"]["points"]) == 50
    for key in ("pairs", "alerts", "pair"):
        assert after[key] == before[key]
    assert after["strip"]["dead_letters"] == 1


async def test_a_long_topic_is_read_from_its_newest_records_on(settings):
    settings = settings.model_copy(update={"topic_partitions": 1, "web_tail_records": 10})
    await ensure_topics(settings)
    await publish(settings, settings.output_topic, rows(80))
    async with running_web(settings) as web:
        assert 1 <= web.parts.memory.predictions <= 10
        assert (await state(web))["pairs"][0]["rate"] == 1.079


async def test_foreign_and_broken_records_are_counted_and_passed_over(settings):
    settings = settings.model_copy(update={"topic_partitions": 1})
    await ensure_topics(settings)
    await publish(settings, settings.output_topic, [*FOREIGN, *rows(3)])
    await publish(settings, settings.dead_letter_topic, FOREIGN)
    async with running_web(settings) as web:
        await publish(settings, settings.output_topic, [*FOREIGN, *rows(3)])
        await publish(settings, settings.dead_letter_topic, FOREIGN, [("ratecast.error.code", b"\xff")])
        await until(lambda: web.parts.memory.predictions == 6)
        await until(lambda: web.parts.memory.dead_letters == 2 * len(FOREIGN))
        shown = await state(web)
        assert [tile["pair"] for tile in shown["pairs"]] == ["EUR/USD"]
        async with httpx.AsyncClient(base_url=web.url) as http:
            entries = (await http.get("/api/feed")).json()["entries"]
            metrics = (await http.get("/metrics")).text
    letters = [entry for entry in entries if entry["kind"] == "dead_letter"]
    assert len(letters) == 2 * len(FOREIGN)
    assert all(len(entry["raw"]) <= 2000 for entry in letters)
    assert max(entry["raw_bytes"] for entry in letters) == 100_000
    assert f'web_records_read_total{{outcome="unreadable"}} {2.0 * len(FOREIGN)}' in metrics


async def test_it_says_that_kafka_is_away_and_goes_on_where_it_was(tmp_path: Path, settings, monkeypatch):
    monkeypatch.setattr("ratecast.kafka.broker_watch.LIMIT_SECONDS", 0.5)
    monkeypatch.setattr("web.topic_feed._SILENCE_SECONDS", 1.0)
    monkeypatch.setattr("web.topic_feed._CONNECT_SECONDS", 1.0)
    port = free_port()
    broker = EmbeddedBroker(tmp_path / "broker", port)
    broker.start()
    settings = settings.model_copy(
        update={
            "bootstrap_servers": broker.bootstrap_servers,
            "topic_partitions": 1,
            "web_timeout_seconds": 0.2,
        }
    )
    try:
        await ensure_topics(settings)
        async with running_web(settings) as web:
            await publish(settings, settings.output_topic, rows(5))
            await until(lambda: web.parts.memory.predictions == 5)
            broker.stop()
            async with httpx.AsyncClient(base_url=web.url, timeout=20) as http:
                refused = await http.post("/predict", json={"history": [1, 2, 3]})
                assert (refused.status_code, refused.json()["code"]) == (503, "kafka_unreachable")
                assert "Retry-After" in refused.headers
                await until(lambda: not web.parts.feed.reachable)
                ready = await http.get("/ready")
                assert ready.status_code == 503
                assert "no broker" in ready.json()["problems"][0]
                shown = (await http.get("/api/state")).json()
                assert shown["strip"]["broker"] == "unreachable"
                assert shown["pairs"]
                assert (await http.get("/health")).status_code == 200
                broker.start()
                await publish(settings, settings.output_topic, rows(2))
                await until(lambda: web.parts.memory.predictions >= 7)
                assert (await http.post("/predict", json={"history": [1, 2, 3]})).status_code == 202
                assert (await http.get("/ready")).json() == {"ready": True, "problems": []}
            assert web.parts.memory.predictions == 7
    finally:
        broker.stop()


async def test_missing_topics_are_waited_for(settings):
    async with running_web(settings, ready=False) as web:
        await until(lambda: "does not exist" in (web.parts.feed.fault or ""))
        async with httpx.AsyncClient(base_url=web.url) as http:
            response = await http.post("/predict", json={"history": [1, 2, 3]})
            assert response.status_code == 503
            assert "`ratecast topics`" in json.loads(response.content)["message"]
        await ensure_topics(settings)
        await until(lambda: web.parts.feed.reachable)


async def test_partitions_that_are_added_are_read_too(settings, monkeypatch):
    monkeypatch.setattr("web.topic_feed._PARTITIONS_SECONDS", 0.1)
    settings = settings.model_copy(update={"topic_partitions": 1})
    await ensure_topics(settings)
    async with running_web(settings) as web:
        await publish(settings, settings.output_topic, rows(2))
        await until(lambda: web.parts.memory.predictions == 2)
        async with admin(settings) as client:
            await client.create_partitions({settings.output_topic: NewPartitions(total_count=2)})
        producer = AIOKafkaProducer(**client_options(settings))
        await producer.start()
        try:
            await producer.send_and_wait(settings.output_topic, rows(3)[2], partition=1)
        finally:
            await producer.stop()
        await until(lambda: web.parts.memory.predictions == 3)
