from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import NewTopic

from producer.feed.published_rates import SOURCE_HEADER
from producer.feed.topic_state import TopicState
from ratecast.errors import OperationError
from ratecast.kafka.client import admin
from ratecast.kafka.producers import idempotent_producer
from ratecast.kafka.topics import ensure_topics
from tests import brokers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ratecast.settings import Settings

PAIRS = ("EUR/USD", "EUR/GBP")
NOW = dt.datetime(2026, 3, 20, 18, tzinfo=dt.UTC)
FOREIGN = 2_000


@pytest.fixture(autouse=True)
def _not_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded broker is always read from its beginning, which is not what most of these tests are about."""

    async def is_embedded(_: Settings) -> bool:
        return False

    monkeypatch.setattr("producer.feed.topic_state.is_embedded", is_embedded)


@pytest.fixture
async def settings(bootstrap_servers: str, tmp_path: Path) -> Settings:
    """Settings with a topic of their own, whose records have the timestamps of their publisher."""
    found = brokers.settings_of_its_own(bootstrap_servers, tmp_path)
    config = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    topic = NewTopic(found.input_topic, 4, 1, topic_configs=config)
    async with admin(found) as client:
        await client.create_topics([topic])
    await ensure_topics(found)
    return found


def message(pair: str, day: str, mark: str = "") -> bytes:
    times = [(dt.date.fromisoformat(day) - dt.timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    fields = {
        "message_id": f"{pair}@{day}{mark}",
        "pair": pair,
        "as_of": day,
        "times": times,
        "history": [1, 2, 3],
    }
    return json.dumps(fields).encode()


async def publish(settings: Settings, values: Sequence[bytes], day: str) -> None:
    """Publish values as if it were noon of a day."""
    timestamp = int(dt.datetime.fromisoformat(f"{day}T12:00+00:00").timestamp() * 1000)
    headers = [(SOURCE_HEADER, b"ecb")]
    async with idempotent_producer(settings) as producer:
        for value in values:
            await producer.send(settings.input_topic, value, timestamp_ms=timestamp, headers=headers)
        await producer.flush()


async def test_a_long_topic_is_read_from_its_end_only_as_far_as_needed(settings: Settings) -> None:
    await publish(settings, [b"garbage"] * FOREIGN, "2026-02-20")
    await publish(settings, [message(pair, "2026-03-20") for pair in PAIRS], "2026-03-20")
    state = TopicState(settings, PAIRS)
    await state.refresh(NOW)
    assert {pair: str(newest.day) for pair, newest in state.published.newest.items()} == dict.fromkeys(
        PAIRS, "2026-03-20"
    )
    assert state.published.left_aside == {}
    whole = TopicState(settings, (*PAIRS, "EUR/CHF"))
    await whole.refresh(NOW)
    assert whole.published.left_aside["that are no histories"] == FOREIGN


async def test_a_replay_of_old_days_at_the_end_does_not_hide_a_newer_day(settings: Settings) -> None:
    await publish(settings, [message(pair, "2026-03-06") for pair in PAIRS], "2026-03-06")
    await publish(settings, [message(pair, "2025-01-03") for pair in PAIRS], "2026-03-20")
    state = TopicState(settings, PAIRS)
    await state.refresh(NOW)
    assert str(state.published.complete_day()) == "2026-03-06"


async def test_later_readings_take_what_was_added_and_a_revision_reads_further_back(
    settings: Settings,
) -> None:
    await publish(
        settings, [message("EUR/USD", "2026-03-02"), message("EUR/USD", "2026-03-02", "+r1")], "2026-03-02"
    )
    await publish(settings, [message(pair, "2026-03-19") for pair in PAIRS], "2026-03-19")
    state = TopicState(settings, PAIRS)
    await state.refresh(NOW)
    await publish(settings, [b"garbage", message("EUR/USD", "2026-03-20")], "2026-03-20")
    await state.refresh(NOW)
    assert str(state.published.newest["EUR/USD"].day) == "2026-03-20"
    assert state.published.left_aside == {"that are no histories": 1}
    assert state.published.next_mark("EUR/USD", dt.date(2026, 3, 2)) == ""
    await state.refresh(NOW, back_to=dt.date(2026, 3, 2))
    assert state.published.next_mark("EUR/USD", dt.date(2026, 3, 2)) == "+r2"


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(settings: Settings) -> None:
    await publish(settings, [message(pair, "2026-03-20") for pair in PAIRS] * 20, "2026-03-20")
    state = TopicState(settings, PAIRS)
    await state.refresh(NOW)
    async with admin(settings) as client:
        await client.delete_topics([settings.input_topic])
    await ensure_topics(settings)
    await publish(settings, [message("EUR/USD", "2026-03-19")], "2026-03-19")
    await state.refresh(NOW)
    assert {pair: str(newest.day) for pair, newest in state.published.newest.items()} == {
        "EUR/USD": "2026-03-19"
    }


async def test_a_missing_topic_is_named(bootstrap_servers: str, tmp_path: Path) -> None:
    settings = brokers.settings_of_its_own(bootstrap_servers, tmp_path)
    with pytest.raises(OperationError, match=f"topic {settings.input_topic} does not exist"):
        await TopicState(settings, PAIRS).refresh(NOW)
