"""The lag of one partition after each event of its pipeline."""

from __future__ import annotations

import pytest

from monitoring.lag import LagTracker

NOW = 1_760_000_000.0


@pytest.fixture
def lag() -> LagTracker:
    tracker = LagTracker("t", 0)
    tracker.positioned(10)
    return tracker


def known(lag: LagTracker, now: float = NOW) -> tuple[int | None, float | None]:
    found = lag.known(now)
    return found.records, found.seconds


def test_nothing_is_known_before_the_end_is() -> None:
    fresh = LagTracker("t", 0)
    fresh.ends_at(20, NOW)
    assert known(fresh) == (None, None)
    fresh.positioned(10)
    assert known(fresh) == (10, 0.0)


def test_an_end_the_broker_does_not_know_is_no_end(lag) -> None:
    lag.ends_at(None, NOW)
    lag.ends_at(-1, NOW)
    assert known(lag) == (None, None)


def test_an_idle_topic_has_no_lag_however_long(lag) -> None:
    lag.ends_at(10, NOW)
    assert known(lag, NOW + 86_400) == (0, 0.0)


def test_records_in_hand_are_as_old_as_the_oldest(lag) -> None:
    lag.ends_at(15, NOW)
    lag.polled(int((NOW - 90) * 1000))
    assert known(lag) == (5, 90.0)
    lag.committed(15, int(NOW * 1000))
    assert known(lag) == (0, 0.0)


def test_a_backlog_stays_as_old_as_it_is_between_two_batches(lag) -> None:
    lag.ends_at(1_000_000, NOW)
    lag.polled(int((NOW - 36_000) * 1000))
    lag.committed(1_000, int((NOW - 35_990) * 1000))
    assert known(lag) == (999_000, 35_990.0)
    lag.polled(int((NOW - 35_980) * 1000))
    assert known(lag) == (999_000, 35_980.0)


def test_what_follows_a_caught_up_batch_much_later_is_not_as_old_as_that_batch(lag) -> None:
    lag.ends_at(15, NOW)
    lag.committed(15, int((NOW - 7200) * 1000))
    lag.ends_at(16, NOW)
    assert known(lag) == (1, 0.0)


def test_marks_behind_a_backlog_end_its_age(lag) -> None:
    lag.ends_at(12, NOW)
    lag.committed(11, int((NOW - 60) * 1000))
    assert known(lag) == (1, 60.0)
    lag.idle(12)
    assert known(lag) == (0, 0.0)


def test_records_that_wait_unseen_count_from_when_they_were_known(lag) -> None:
    lag.ends_at(15, NOW)
    assert known(lag, NOW + 30) == (5, 30.0)
    lag.ends_at(40, NOW + 30)
    assert known(lag, NOW + 40) == (30, 40.0)
    lag.committed(40, int(NOW * 1000))
    lag.ends_at(41, NOW + 50)
    assert known(lag, NOW + 51) == (1, 1.0)


def test_a_batch_that_fails_keeps_its_age_when_it_is_taken_up_again(lag) -> None:
    lag.ends_at(15, NOW)
    lag.polled(int((NOW - 5) * 1000))
    lag.positioned(10)
    assert known(lag, NOW + 60) == (5, 65.0)
    lag.positioned(15)  # another worker had done it
    assert known(lag, NOW + 60) == (0, 0.0)


def test_marks_of_transactions_are_no_lag(lag) -> None:
    lag.ends_at(12, NOW)
    assert known(lag) == (2, 0.0)
    lag.idle(12)
    assert known(lag, NOW + 60) == (0, 0.0)
    lag.idle(11)  # an older answer
    assert known(lag, NOW + 60) == (0, 0.0)


def test_a_clock_behind_the_brokers_gives_no_negative_age(lag) -> None:
    lag.ends_at(11, NOW)
    lag.polled(int((NOW + 60) * 1000))
    assert known(lag) == (1, 0.0)
