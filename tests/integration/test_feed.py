"""Two feeds of one source and topic, started at the same moment, on real brokers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from producer.feed.feed_transactions import open_transactions, transactional_id
from producer.feed.next_histories import NextMessage
from producer.feed.topic_state import TopicState
from ratecast.errors import FencedError
from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_producer
from ratecast.kafka.topics import ensure_topics
from tests import brokers
from tests.producer.feed.feeds import PAIRS, at, day, feeds, ids, rate_server, topic
from tests.producer.feed.sped_up_clock import SpedUpClock

if TYPE_CHECKING:
    from pathlib import Path

    from ratecast.settings import Settings


@pytest.fixture
def settings(bootstrap_servers: str, tmp_path: Path) -> Settings:
    """Settings with topics of their own. A feed needs no model."""
    return brokers.settings_of_its_own(bootstrap_servers, tmp_path)


async def test_two_feeds_that_race_publish_each_rate_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.feed.feeder.random.random", lambda: 0.5)  # both poll at the same moments
    monkeypatch.setattr("producer.feed.feeder._FENCED_SECONDS", (0.01, 0.2))
    clock = SpedUpClock(at("2026-03-24 18:00"), feeds=2)
    async with rate_server("2026-03-24") as server, feeds(settings, server, clock) as running:
        server.publish(day("2026-03-25"))
        await clock.go_to("2026-03-25 16:00", *(task for _, task in running))
        assert [one.readiness()["complete_day"] for one, _ in running] == ["2026-03-25"] * 2
    assert await ids(settings) == sorted(f"{pair}@2026-03-{d}" for pair in PAIRS for d in (24, 25))


async def test_a_feed_that_was_fenced_publishes_nothing_of_its_open_transaction(settings: Settings) -> None:
    await ensure_topics(settings)
    first, second = (
        [NextMessage(pair, "2026-03-25", f"{pair}@{who}", 1.0, json.dumps(who).encode()) for pair in PAIRS]
        for who in ("first", "second")
    )
    async with open_transactions(settings, "ecb") as earlier:
        await earlier.publish(first)
        async with open_transactions(settings, "ecb") as later, open_transactions(settings, "csv") as other:
            with pytest.raises(FencedError):
                await earlier.publish(first)
            await later.publish(second)
            await other.publish(second)  # another source is not fenced
    values = [json.loads(record.value) for record in await topic(settings)]
    assert sorted(values) == ["first"] * 3 + ["second"] * 6


async def test_what_is_committed_after_another_feed_was_fenced_is_seen(settings: Settings) -> None:
    await ensure_topics(settings)
    state = TopicState(settings, PAIRS)
    messages = [NextMessage(pair, "2026-03-25", pair, 1.0, b"no history") for pair in PAIRS]
    options = {**client_options(settings), "transactional_id": transactional_id(settings, "ecb")}
    fenced = AIOKafkaProducer(**options)
    await fenced.start()
    await fenced.begin_transaction()
    await asyncio.gather(
        *[await fenced.send(settings.input_topic, b"aborted", partition=number) for number in range(4)]
    )
    async with open_transactions(settings, "ecb") as transactions:
        await state.refresh(at("2026-03-25 18:00"))
        assert state.published.left_aside == {}
        await transactions.publish(messages)
    await state.refresh(at("2026-03-25 18:00"))
    assert state.published.left_aside == {"that are no histories": len(PAIRS)}
    await stop_producer(fenced)
