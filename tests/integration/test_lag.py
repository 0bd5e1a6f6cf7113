"""Lag at a worker's /metrics, on real brokers."""

from __future__ import annotations

import asyncio
import re
import time

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from ratecast.kafka.client import admin, client_options
from ratecast.kafka.topics import ensure_topics
from tests.bad_records import GOOD
from tests.integration.workers import publish, running_worker

LINE = re.compile(r'consumer_lag_(records|seconds)\{partition="(\d+)",topic="[^"]*"\} ([0-9.e+-]+)')


async def metrics(worker) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{worker.http.port}/metrics") as answer,
    ):
        return await answer.text()


async def lags(worker) -> dict[str, dict[int, float]]:
    text = await metrics(worker)
    found: dict[str, dict[int, float]] = {"records": {}, "seconds": {}}
    for what, partition, value in LINE.findall(text):
        found[what][int(partition)] = float(value)
    return found


async def until(worker, is_so, seconds: float = 20.0) -> dict[str, dict[int, float]]:
    async with asyncio.timeout(seconds):
        while not is_so(found := await lags(worker)):
            await asyncio.sleep(0.1)
    return found


async def test_an_idle_topic_and_one_caught_up_with_have_no_lag(settings):
    async with running_worker(settings) as worker:
        zero = {"records": dict.fromkeys(range(4), 0.0), "seconds": dict.fromkeys(range(4), 0.0)}
        await until(worker, lambda found: found == zero)
        await publish(settings, [(str(number).encode(), GOOD, []) for number in range(50)])
        await until(worker, lambda found: found == zero)


async def test_marks_of_a_transactional_publisher_are_no_lag(settings):
    await ensure_topics(settings)
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=f"lag-{settings.group_id}")
    await producer.start()
    try:
        for _ in range(3):
            async with producer.transaction():
                await producer.send_and_wait(settings.input_topic, GOOD, partition=0)
    finally:
        await producer.stop()
    async with running_worker(settings) as worker:
        found = await until(
            worker, lambda found: len(found["records"]) == 4 and not any(found["records"].values())
        )
        assert set(found["seconds"].values()) == {0.0}


async def test_two_workers_share_a_topic_and_each_shows_its_own(settings):
    async with running_worker(settings) as first:
        await until(first, lambda found: len(found["records"]) == 4)
        async with running_worker(settings) as second:
            one = await until(first, lambda found: len(found["records"]) == 2, 30)
            two = await until(second, lambda found: len(found["records"]) == 2, 30)
            assert sorted([*one["records"], *two["records"]]) == [0, 1, 2, 3]
        await until(first, lambda found: len(found["records"]) == 4, 30)


async def publish_as_of(settings, seconds_ago: float, count: int) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        then = int((time.time() - seconds_ago) * 1000)
        sent = [
            await producer.send(settings.input_topic, GOOD, partition=0, timestamp_ms=then)
            for _ in range(count)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def test_rates_published_with_times_of_their_own_are_no_old_backlog(settings):
    """A publisher may stamp a rate of 2020 with its own time; what waits is as old as its arrival."""
    await ensure_topics(settings)
    await publish_as_of(settings, 6 * 365 * 86_400, 5)
    async with running_worker(settings) as worker:
        await until(worker, lambda found: len(found["records"]) == 4 and not any(found["records"].values()))
        shown = dict(
            re.findall(r"^message_latency_seconds_(count|sum) (.+)$", await metrics(worker), re.MULTILINE)
        )
    assert float(shown["count"]) == 5
    assert float(shown["sum"]) < 5 * 60


async def test_a_backlog_never_looks_young_while_it_is_worked_off(settings):
    async with admin(settings) as client:  # whose records keep their publisher's time
        await client.create_topics([NewTopic(settings.input_topic, settings.topic_partitions, 1)])
    await ensure_topics(settings)
    await publish_as_of(settings, 7200, 20_000)
    async with running_worker(settings.model_copy(update={"max_poll_records": 100})) as worker:
        await until(worker, lambda found: found["seconds"].get(0, 0) > 7000)
        seen = []
        while (found := await lags(worker))["records"][0]:
            seen.append(found["seconds"][0])
    assert seen
    assert min(seen) > 7000


async def test_a_backlog_that_cannot_be_published_grows_older(settings, monkeypatch):
    from aiokafka.errors import KafkaTimeoutError

    from consumer.transactions import PartitionTransactions

    async def fail(self, *what):
        raise KafkaTimeoutError("invented: no coordinator")

    monkeypatch.setattr(PartitionTransactions, "publish", fail)
    async with running_worker(settings) as worker:
        await publish(settings, [(b"k", GOOD, [])])
        found = await until(worker, lambda found: any(found["records"].values()))
        (behind,) = (p for p, records in found["records"].items() if records)
        assert found["records"][behind] == 1
        later = await until(worker, lambda found: found["seconds"][behind] > 3)
        assert later["records"][behind] == 1
        assert sum(later["seconds"].values()) == pytest.approx(later["seconds"][behind])
