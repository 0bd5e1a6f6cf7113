"""``ratecast feed`` against a local server and the embedded broker, on a sped-up clock."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from producer.feed.feed_transactions import FeedTransactions
from producer.feed.published_rates import SOURCE_HEADER
from ratecast.contract.messages import RateHistory
from ratecast.errors import OperationError, UsageError
from ratecast_stack.children import free_port
from tests import brokers
from tests.producer.feed.feeds import PAIRS, at, day, feeder, feeds, ids, rate_server, topic, value
from tests.producer.feed.rate_faults import multiplied
from tests.producer.feed.rate_server import Fault
from tests.producer.feed.sped_up_clock import SpedUpClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from producer.feed.next_histories import NextMessage
    from ratecast.settings import Settings


@pytest.fixture
def settings(bootstrap_servers: str, tmp_path: Path) -> Settings:
    """Settings with topics of their own. A feed needs no model."""
    return brokers.settings_of_its_own(bootstrap_servers, tmp_path)


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


async def test_a_suspicious_rate_waits_for_the_next_one_and_counts_once(settings: Settings) -> None:
    clock = SpedUpClock(at("2026-03-25 11:00"))
    async with rate_server("2026-03-24") as server, feeds(settings, server, clock) as [(one, task)]:
        server.publish(day("2026-03-25"))
        server.distortion = multiplied("GBP", 1.1)
        await clock.go_to("2026-03-25 22:00", task)
        assert "EUR/USD@2026-03-25" in await ids(settings)
        assert "EUR/GBP@2026-03-25" not in await ids(settings)
        assert value(one, "feed_refused_total", reason="screened") == 1
        assert one.work.late_seconds() > 6 * 3600
        server.recover()
        server.publish(day("2026-03-26"))
        await clock.go_to("2026-03-26 15:40", task)
        assert one.work.late_seconds() == 0
        assert {"EUR/GBP@2026-03-25", "EUR/GBP@2026-03-26"} <= set(await ids(settings))
        assert (
            value(one, "feed_last_rate_timestamp_seconds", pair="EUR/GBP")
            == at("2026-03-26 00:00").timestamp()
        )


async def test_a_restart_continues_after_what_is_on_the_topic(settings: Settings) -> None:
    async with rate_server("2026-03-24") as server:
        async with feeds(settings, server, SpedUpClock(at("2026-03-24 18:00"))):
            pass
        for text in ("2026-03-25", "2026-03-26"):
            server.publish(day(text))
        async with feeds(settings, server, SpedUpClock(at("2026-03-26 18:00"))) as [(one, _)]:
            assert value(one, "feed_published_total") == 2 * len(PAIRS)
    assert await ids(settings) == sorted(f"{pair}@2026-03-{d}" for pair in PAIRS for d in (24, 25, 26))


@pytest.mark.parametrize("fault", [Fault.NOT_FOUND, Fault.FORBIDDEN, Fault.ERROR_PAGE, Fault.CIRCLE])
async def test_a_wrong_address_ends_the_start_in_one_line(settings: Settings, fault: Fault) -> None:
    async with rate_server("2026-03-24") as server:
        server.fail(fault)
        with pytest.raises(UsageError) as raised:
            await feeder(settings, server, SpedUpClock(at("2026-03-25 11:00"))).run()
    assert server.url in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_pair_that_the_source_lacks_ends_the_start(settings: Settings) -> None:
    async with rate_server("2026-03-24") as server:
        one = feeder(settings, server, SpedUpClock(at("2026-03-25 11:00")))
        one.work.pairs = ("EUR/USD", "EUR/CHF")
        with pytest.raises(
            UsageError, match="EUR/CHF cannot be published: ecb has no CHF; it has EUR, GBP, JPY, USD"
        ):
            await one.run()
    assert await ids(settings) == []


async def test_a_source_that_is_down_at_the_start_is_asked_again_and_its_wait_is_respected(
    settings: Settings,
) -> None:
    clock = SpedUpClock(at("2026-03-25 11:00"))
    async with rate_server("2026-03-24") as server:
        server.retry_after = "7000"
        server.fail(Fault.TOO_OFTEN)
        async with feeds(settings, server, clock) as [(one, task)]:
            assert not one.readiness()["ready"]
            assert "429" in one.readiness()["fault"]
            assert one.unhealthy() is None
            assert value(one, "feed_polls_total", outcome="status_429") == 1
            assert one.failing_seconds() > 0
            server.recover()
            await clock.go_to("2026-03-25 12:56", task)
            assert len(server.seen) == 1
            await clock.go_to("2026-03-25 12:57", task)
            assert one.readiness()["ready"]
            assert one.failing_seconds() == 0
    assert len(await ids(settings)) == len(PAIRS)


async def test_what_was_right_at_the_start_is_only_retried_later(settings: Settings) -> None:
    clock = SpedUpClock(at("2026-03-25 11:00"))
    async with rate_server("2026-03-24") as server, feeds(settings, server, clock) as [(one, _)]:
        for fault in (Fault.NOT_FOUND, Fault.ERROR_PAGE, Fault.EMPTY, Fault.HALF, Fault.UNAVAILABLE):
            server.fail(fault, times=1)
            await one._turn()
            assert "fault" in one.readiness(), fault
            await one._turn()
            assert "fault" not in one.readiness(), fault
    assert value(one, "feed_polls_total", outcome="refused") == 3


async def test_brokers_that_stay_away_end_a_feed_with_the_cause(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.feed.feeder._PAUSE_SECONDS", (0.05,))
    clock = SpedUpClock(at("2026-03-25 11:00"))
    limits = {"give_up_seconds": 0.5, "connect_timeout_seconds": 0.2}
    async with rate_server("2026-03-24") as server:
        one = feeder(settings.model_copy(update=limits), server, clock)
        running = asyncio.create_task(one.run())
        await clock.all_wait(running)
        away = f"127.0.0.1:{free_port()}"
        one.work.settings = one.work.settings.model_copy(update={"bootstrap_servers": away})
        server.publish(day("2026-03-25"))
        with pytest.raises(OperationError, match=f"nothing could be published for . s: no broker at {away}"):
            await clock.go_to("2026-03-25 16:00", running)
    assert await ids(settings) == sorted(f"{pair}@2026-03-24" for pair in PAIRS)


async def test_a_feed_without_brokers_ends_at_once_with_one_line(settings: Settings) -> None:
    lost = settings.model_copy(
        update={"bootstrap_servers": f"127.0.0.1:{free_port()}", "connect_timeout_seconds": 0.2}
    )
    async with rate_server("2026-03-24") as server:
        with pytest.raises(OperationError, match="no broker at"):
            await feeder(lost, server, SpedUpClock(at("2026-03-25 11:00"))).run()


async def test_a_commit_whose_answer_is_lost_is_not_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.feed.feeder._PAUSE_SECONDS", (0.05,))
    really_publish, lost = FeedTransactions.publish, []

    async def publish(self: FeedTransactions, messages: Sequence[NextMessage]) -> None:
        await really_publish(self, messages)
        if not lost:
            lost.append(messages[0].day)
            raise OperationError("the answer was lost")

    monkeypatch.setattr(FeedTransactions, "publish", publish)
    clock = SpedUpClock(at("2026-03-24 18:00"))
    async with rate_server("2026-03-24") as server, feeds(settings, server, clock) as [(one, _)]:
        assert one.readiness()["ready"]
    assert lost == ["2026-03-24"]
    assert await ids(settings) == sorted(f"{pair}@2026-03-24" for pair in PAIRS)


async def test_a_stop_lets_the_day_at_hand_be_committed_and_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rate_server("2026-03-24") as server:
        async with feeds(settings, server, SpedUpClock(at("2026-03-24 18:00"))):
            pass
        for text in ("2026-03-25", "2026-03-26", "2026-03-27"):
            server.publish(day(text))
        one = feeder(settings, server, SpedUpClock(at("2026-03-27 18:00")))
        really_publish = FeedTransactions.publish

        async def publish(self: FeedTransactions, messages: Sequence[NextMessage]) -> None:
            one.stop()
            await really_publish(self, messages)

        monkeypatch.setattr(FeedTransactions, "publish", publish)
        await one.run()
    assert await ids(settings) == sorted(f"{pair}@2026-03-{d}" for pair in PAIRS for d in (24, 25))
