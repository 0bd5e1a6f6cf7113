"""Hostile batches through a real broker and the whole worker: each record one outcome, whatever the bytes."""

from __future__ import annotations

import json

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher

from ratecast.kafka.audit import audit
from ratecast.kafka.client import client_options
from ratecast.kafka.topics import ensure_topics
from tests.bad_records import BAD
from tests.hostile_batches import HostileRecords
from tests.integration.workers import publish, read, running_worker, until

pytestmark = pytest.mark.apache_kafka
HISTORY = [round(0.85 + 0.001 * (n % 7), 5) for n in range(61)]


def good(name: str) -> tuple[bytes, bytes, list]:
    value = {"pair": "EUR/GBP", "history": HISTORY, "message_id": name}
    return b"EUR/GBP", json.dumps(value).encode(), [("trace", name.encode())]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_record_of_hostile_batches_has_one_outcome(settings, monkeypatch, seed: int) -> None:
    await ensure_topics(settings)
    await publish_batches(settings, 120)
    hostile = HostileRecords(seed)
    # Only the input topic's bytes: outcomes are checked as they lie on the brokers.
    strict = fetcher.MemoryRecords

    class Between:
        def __new__(cls, data: bytes):
            return hostile(data) if b"hostile-" in data else strict(data)

    monkeypatch.setattr(fetcher, "MemoryRecords", Between)
    monkeypatch.setattr("ratecast.kafka.tolerant_records.install", lambda: False)
    async with running_worker(settings.model_copy(update={"max_partition_fetch_bytes": 20_000})) as worker:
        await until(lambda: not any(lag.records is None or lag.records for lag in worker._lags()))
        assert not worker._failure
    assert hostile.altered > 30
    found = await audit(settings)
    assert (found.lost, found.duplicated, found.pending) == ([], [], [])
    assert found.exactly_once
    assert found.dead_lettered > 10
    assert found.scored > 10


async def publish_batches(settings, count: int) -> None:
    """So many batches of one to five records, on the four partitions in turn."""
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        for number in range(count):
            batch = producer.create_batch()
            for n in range(1 + number % 5):
                key, value, headers = good(f"hostile-{number}-{n}")
                batch.append(key=key, value=value, timestamp=None, headers=headers)
            await (await producer.send_batch(batch, settings.input_topic, partition=number % 4))
    finally:
        await producer.stop()


async def test_a_stream_with_poison_of_every_kind_is_scored_and_counted(settings) -> None:
    """1,000 messages, 5 % of them poison."""
    kinds = list(BAD.values())
    messages = [
        (b"k", kinds[n // 20 % len(kinds)][0], []) if n % 20 == 0 else good(f"m-{n}") for n in range(1000)
    ]
    await ensure_topics(settings)
    await publish(settings, messages)
    async with running_worker(settings):
        await read(settings, settings.output_topic, 950)
        await read(settings, settings.dead_letter_topic, 50)
    found = await audit(settings)
    assert (found.published, found.scored, found.dead_lettered) == (1000, 950, 50)
    assert found.exactly_once
