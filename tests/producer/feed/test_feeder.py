from __future__ import annotations

import asyncio
import datetime as dt
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from producer.feed.ecb_source import EcbSource
from producer.feed.feeder import Feeder
from producer.feed.publication_times import Timetable
from producer.feed.published_rates import SOURCE_HEADER
from ratecast.contract.messages import RateHistory
from ratecast.kafka.reader import read_topic
from tests import brokers
from tests.producer.feed.rate_server import DIRECTORY, Fault, RateServer
from tests.producer.feed.sped_up_clock import SpedUpClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ratecast.settings import Settings

PAIRS = ("EUR/USD", "EUR/GBP", "USD/JPY")
CURRENCIES = ("USD", "GBP", "JPY")


@pytest.fixture
def settings(bootstrap_servers: str, tmp_path: Path) -> Settings:
    """Settings with topics of their own. A feed needs no model."""
    return brokers.settings_of_its_own(bootstrap_servers, tmp_path)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def rate_server(until: str) -> RateServer:
    return RateServer(day(until), since=day("2025-09-01"), currencies=CURRENCIES)


@asynccontextmanager
async def feeds(
    settings: Settings, server: RateServer, clock: SpedUpClock
) -> AsyncIterator[list[tuple[Feeder, asyncio.Task[Any]]]]:
    """As many feeds as the clock has, stopped in order at the end."""
    running = []
    for _ in range(clock.feeds):
        source = EcbSource(server.url + DIRECTORY)
        feeder = Feeder(settings, source, PAIRS, Timetable(poll_seconds=1800), clock)
        running.append((feeder, asyncio.create_task(feeder.run())))
    try:
        await clock.all_wait(*(task for _, task in running))
        yield running
    finally:
        for feeder, _ in running:
            feeder.stop()
        await asyncio.gather(*(task for _, task in running))


async def topic(settings: Settings) -> list[Any]:
    reading = read_topic(settings, settings.input_topic, from_beginning=True, follow=False)
    async with asyncio.timeout(20):
        return [record async for record in reading]


async def ids(settings: Settings) -> list[str]:
    return sorted(json.loads(record.value)["message_id"] for record in await topic(settings))


async def test_a_fortnight_of_two_feeds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holiday, a late day, a revision, an outage of three days, the change to summer time: each rate once, in order."""
    monkeypatch.setattr(
        "producer.feed.feeder.random.random", lambda: 0.5
    )  # so that both poll at the same moments
    monkeypatch.setattr("producer.feed.feeder._FENCED_SECONDS", (0.01, 0.2))
    clock = SpedUpClock(at("2026-03-25 11:00"), feeds=2)
    async with rate_server("2026-03-24") as server, feeds(settings, server, clock) as running:
        tasks = [task for _, task in running]
        assert await ids(settings) == sorted(f"{pair}@2026-03-24" for pair in PAIRS)

        async def publish(text: str, when: str) -> None:
            await clock.go_to(when, *tasks)
            server.publish(day(text))

        await publish("2026-03-25", "2026-03-25 15:00")
        await publish("2026-03-26", "2026-03-26 16:30")  # an hour and a half late
        assert running[0][0].work.late_seconds() == 3600
        await publish("2026-03-27", "2026-03-27 15:00")
        await publish("2026-03-30", "2026-03-30 14:00")  # summer time
        await clock.go_to("2026-03-30 14:40", *tasks)
        assert f"{PAIRS[0]}@2026-03-30" in await ids(settings)

        server.revise(day("2026-03-27"), "GBP", "0.8670", at("2026-03-31 08:00"))
        await clock.go_to("2026-03-31 12:00", *tasks)
        server.fail(Fault.UNAVAILABLE)
        for text in ("2026-03-31", "2026-04-01", "2026-04-02"):
            await publish(text, f"{text} 14:00")
        await clock.go_to("2026-04-03 12:00", *tasks)  # Good Friday
        assert not running[1][0].readiness()["ready"]
        server.recover()
        await clock.go_to("2026-04-07 13:50", *tasks)  # after Easter
        assert running[0][0].work.late_seconds() == 0
        await publish("2026-04-07", "2026-04-07 14:00")
        await clock.go_to("2026-04-07 15:00", *tasks)
        assert all(feeder.readiness()["ready"] for feeder, _ in running)

    records = await topic(settings)
    days = [
        "2026-03-24", "2026-03-25", "2026-03-26", "2026-03-27", "2026-03-30", "2026-03-31", "2026-04-01", "2026-04-02",
        "2026-04-07",
    ]  # fmt: skip
    revised = ["EUR/GBP@2026-03-27+r1", "EUR/GBP@2026-03-30+r1"]
    assert await ids(settings) == sorted([f"{pair}@{text}" for pair in PAIRS for text in days] + revised)
    for partition in {record.partition for record in records}:
        messages = [RateHistory.model_validate_json(r.value) for r in records if r.partition == partition]
        assert all(len(message.history) == 61 for message in messages)
        order = [message.as_of for message in messages if "+r" not in (message.message_id or "")]
        assert order == sorted(order)
    last = next(json.loads(r.value) for r in reversed(records) if r.key == b"EUR/GBP")
    assert last["history"][last["times"].index("2026-03-27")] == 0.867
    assert all(record.headers == ((SOURCE_HEADER, b"ecb"),) for record in records)
