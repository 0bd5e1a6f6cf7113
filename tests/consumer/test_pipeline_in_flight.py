"""Scoring ahead while a transaction is on its way: order, failures, lag and the end."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaError

from consumer import pipeline as module
from tests.consumer.pipeline_bench import Bench, batch


async def test_the_next_batch_is_scored_while_the_one_before_is_on_its_way_and_published_after_it():
    bench = Bench(batch(0, b"a"), batch(1, b"b"), batch(2, b"c"))
    bench.consumer.stable = 100
    scored_before_commit = []

    async def until_the_next_is_polled() -> None:
        while len(bench.consumer.polls) == 2:
            await asyncio.sleep(0.001)
        scored_before_commit.append(bench.topics.committed)

    bench.topics.before_commit = until_the_next_is_polled
    await bench.run_until_committed(3)
    assert scored_before_commit == [0, 1, 2]
    assert bench.topics.published == [("rate-predictions", [value]) for value in (b"a", b"b", b"c")]


async def test_what_was_scored_ahead_of_a_failed_transaction_is_dropped_and_read_again():
    first, second = batch(0, b"a"), batch(1, b"b")
    bench = Bench(first, second, first, second, faults=[KafkaError("coordinator gone")])
    bench.consumer.stable = 100
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 0]
    assert bench.topics.published == [("rate-predictions", [b"a"]), ("rate-predictions", [b"b"])]
    assert bench.count("predictions_published_total") == 2


async def test_a_poll_that_fails_does_not_cut_off_the_transaction_on_its_way(monkeypatch):
    monkeypatch.setattr(module.Recovery, "failed", lambda self, error: 0.0)
    bench = Bench(batch(0, b"a"), KafkaError("not a member"), batch(1, b"b"))
    bench.consumer.stable = 100

    async def long_after_the_poll() -> None:
        while len(bench.consumer.polls) == 2:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)

    bench.topics.before_commit = long_after_the_poll
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 1]
    assert bench.count("transactions_total", outcome="aborted") == 0


async def test_records_whose_transaction_is_on_its_way_count_as_lag_though_the_client_is_past_them():
    bench = Bench(batch(0, b"a"))
    bench.consumer.stable, bench.consumer.at = 100, 1
    may_commit, lags = asyncio.Event(), []
    bench.topics.before_commit = may_commit.wait

    async def position(partition) -> int:
        may_commit.set()
        return bench.consumer.at

    def after_empty_polls() -> bool:
        if bench.topics.open:
            lags.append(bench.pipeline.lag().records)
        if len(lags) == 20:
            may_commit.set()
        return bench.topics.committed == 1

    bench.consumer.position = position
    await bench.run_until(after_empty_polls)
    assert lags == [100] * 20


async def test_tolerant_reading_starts_after_what_the_transaction_on_its_way_commits(monkeypatch):
    monkeypatch.setattr(module.tolerant_records, "install", lambda: True)
    bench = Bench(batch(0, b"a"), ValueError("odd bytes"), batch(1, b"b"))
    bench.consumer.stable = 100

    async def a_moment() -> None:
        await asyncio.sleep(0.01)

    bench.topics.before_commit = a_moment
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 1]
    assert bench.topics.started == 1


async def test_a_pipeline_that_is_cut_off_ends_its_transaction_before_it_closes_the_publisher():
    bench = Bench(batch(0, b"a"))
    bench.consumer.stable = 100
    bench.topics.before_commit = asyncio.Event().wait
    running = asyncio.create_task(bench.pipeline.run())
    while not bench.topics.open:
        await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (bench.topics.open, bench.topics.stopped, bench.topics.committed) == (0, 1, 0)
