from __future__ import annotations

import numpy as np
import pytest

from benchmarks import open_loop
from benchmarks.open_loop import Flight, summary


class FakeRecord:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def key(self) -> bytes:
        return self._key

    def error(self) -> None:
        return None


class FakeConsumer:
    """Gives out one list of records a call, and moves the clock by a second before each."""

    def __init__(self, *polls: list[bytes]) -> None:
        self.now = 100.0
        self._polls = list(polls)

    def consume(self, _count: int, _seconds: float) -> list[FakeRecord]:
        self.now += 1.0
        return [FakeRecord(key) for key in (self._polls.pop(0) if self._polls else [])]


@pytest.fixture
def clock(monkeypatch):
    def use(consumer: FakeConsumer) -> None:
        monkeypatch.setattr(open_loop.time, "perf_counter", lambda: consumer.now)

    return use


def test_an_output_arrives_when_it_is_read_whatever_the_order(clock) -> None:
    consumer = FakeConsumer([b"2"], [b"0", b"1"])
    clock(consumer)
    assert open_loop._arrivals(consumer, 3, 200.0).tolist() == [102.0, 102.0, 101.0]


def test_answers_to_the_warm_up_do_not_count_and_a_lost_output_ends_the_wait(clock) -> None:
    consumer = FakeConsumer([b"-0", b"-1"], [b"1"])
    clock(consumer)
    arrived = open_loop._arrivals(consumer, 2, 110.0)
    assert np.isnan(arrived[0])
    assert arrived[1] == 102.0
    assert consumer.now >= 110.0


def test_percentiles_are_of_all_rounds_together_and_say_how_many_were_lost() -> None:
    fast, slow = np.full(990, 0.010), np.full(1000, 0.030)
    of = summary("worker", 1000, [Flight(fast, 1000, 0.2), Flight(slow, 1000, 0.7)])
    assert (of.seen, of.due) == (1990, 2000)
    assert of.p50 == pytest.approx(30.0)
    assert of.p99 == pytest.approx(30.0)
    assert of.rounds_p99 == pytest.approx([10.0, 30.0])
    assert of.publisher_late_ms == 0.7


def test_a_stop_of_a_second_makes_a_seconds_messages_late() -> None:
    due = np.arange(10_000) / 1000  # ten seconds at 1,000 a second
    stalled = (due > 5.0) & (due < 6.0)  # nothing is answered for a second, and then everything
    latencies = np.where(stalled, 6.0 - due, 0.001)
    of = summary("worker", 1000, [Flight(latencies, 10_000, 0.0)])
    assert of.p50 == pytest.approx(1.0)
    assert of.p99 > 850.0
