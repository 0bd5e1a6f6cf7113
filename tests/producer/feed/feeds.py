"""Runs feeds in this process, and reads what they published."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from producer.feed.ecb_source import EcbSource
from producer.feed.feeder import Feeder
from producer.feed.publication_times import Timetable
from ratecast.kafka.reader import read_topic
from tests.producer.feed.rate_server import DIRECTORY, RateServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ratecast.settings import Settings
    from tests.producer.feed.sped_up_clock import SpedUpClock

PAIRS = ("EUR/USD", "EUR/GBP", "USD/JPY")
CURRENCIES = ("USD", "GBP", "JPY")


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def rate_server(until: str) -> RateServer:
    return RateServer(day(until), since=day("2025-09-01"), currencies=CURRENCIES)


def feeder(settings: Settings, server: RateServer, clock: SpedUpClock) -> Feeder:
    """A feed that asks rarely, so that a day is a few polls."""
    return Feeder(settings, EcbSource(server.url + DIRECTORY), PAIRS, Timetable(poll_seconds=1800), clock)


@asynccontextmanager
async def feeds(
    settings: Settings, server: RateServer, clock: SpedUpClock
) -> AsyncIterator[list[tuple[Feeder, asyncio.Task[Any]]]]:
    """As many feeds as the clock has, stopped in order at the end."""
    found = [feeder(settings, server, clock) for _ in range(clock.feeds)]
    running = [(one, asyncio.create_task(one.run())) for one in found]
    try:
        await clock.all_wait(*(task for _, task in running))
        yield running
    finally:
        for one, _ in running:
            one.stop()
        await asyncio.gather(*(task for _, task in running))


async def topic(settings: Settings) -> list[Any]:
    reading = read_topic(settings, settings.input_topic, from_beginning=True, follow=False)
    async with asyncio.timeout(20):
        return [record async for record in reading]


async def ids(settings: Settings) -> list[str]:
    return sorted(json.loads(record.value)["message_id"] for record in await topic(settings))


def value(one: Feeder, metric: str, **labels: str) -> float | None:
    """The value of a metric with the label of the source."""
    registry = one.http._registry
    return registry.get_sample_value(metric, {"source": "ecb", **labels})
