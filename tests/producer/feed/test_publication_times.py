from __future__ import annotations

import datetime as dt

import pytest

from producer.feed.publication_times import Timetable, instant, today
from ratecast.rates.target_days import is_target_day

TIMETABLE = Timetable()


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-03-27 14:59", "2026-03-26"),  # the last Friday of winter time
        ("2026-03-27 15:00", "2026-03-27"),
        ("2026-03-30 13:59", "2026-03-27"),  # the Monday after: summer time
        ("2026-03-30 14:00", "2026-03-30"),
        ("2026-04-06 20:00", "2026-04-02"),  # Easter Monday
        ("2026-10-26 14:59", "2026-10-23"),  # winter time again
        ("2026-12-31 23:30", "2026-12-31"),  # the new year has begun in Frankfurt
        ("2027-01-01 18:00", "2026-12-31"),
    ],
)
def test_the_newest_due_day_follows_the_clock_in_frankfurt_and_the_target_calendar(
    now: str, day: str
) -> None:
    assert TIMETABLE.newest_due(at(now)) == dt.date.fromisoformat(day)


def test_an_outage_leaves_every_target_day_due_and_no_other() -> None:
    days = TIMETABLE.days_due(dt.date(2026, 3, 31), at("2026-04-09 14:00"))
    assert [day.isoformat() for day in days] == [
        "2026-04-01", "2026-04-02", "2026-04-07", "2026-04-08", "2026-04-09",
    ]  # fmt: skip


def test_a_rate_is_late_from_half_past_four_and_the_oldest_missing_one_counts() -> None:
    monday = dt.date(2026, 3, 30)
    assert TIMETABLE.late_seconds(monday, at("2026-03-31 14:30")) == 0
    assert TIMETABLE.late_seconds(monday, at("2026-03-31 15:30")) == 3600
    assert TIMETABLE.late_seconds(monday, at("2026-04-01 14:30")) == 24 * 3600
    # Over a weekend only Friday's rate can be late.
    assert TIMETABLE.late_seconds(dt.date(2026, 3, 26), at("2026-03-29 14:30")) == 2 * 24 * 3600 - 3600
    assert TIMETABLE.late_seconds(dt.date(2026, 3, 27), at("2026-03-29 14:30")) == 0
    assert TIMETABLE.late_seconds(None, at("2026-03-31 14:31")) == 60
    assert Timetable(late_at=dt.time(18)).late_seconds(monday, at("2026-03-31 15:59")) == 0


def test_a_source_without_due_times_is_never_late() -> None:
    free = Timetable(is_daily=False, poll_seconds=60)
    now = at("2026-03-31 20:00")
    assert free.newest_due(now) is None
    assert free.days_due(dt.date(2020, 1, 1), now) == ()
    assert free.late_seconds(None, now) == 0
    assert free.next_poll(dt.date(2020, 1, 1), now, 0.5) == now + dt.timedelta(seconds=60)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_polls_are_rare_when_all_is_there_and_frequent_while_a_rate_is_due(chance: float) -> None:
    friday = dt.date(2026, 3, 27)
    evening = at("2026-03-27 17:00")
    assert (
        dt.timedelta(hours=4)
        < TIMETABLE.next_poll(friday, evening, chance) - evening
        <= dt.timedelta(hours=6)
    )
    noon = at("2026-03-30 12:00")
    due = instant(dt.date(2026, 3, 30), dt.time(16))
    assert dt.timedelta(0) <= due - TIMETABLE.next_poll(friday, noon, chance) <= dt.timedelta(minutes=5)
    for missing in (due, due + dt.timedelta(hours=2), due + dt.timedelta(hours=16)):
        pause = TIMETABLE.next_poll(friday, missing, chance) - missing
        assert dt.timedelta(seconds=270) <= pause <= dt.timedelta(seconds=330)


def test_every_next_poll_lies_ahead_whatever_was_published() -> None:
    now = at("2026-03-25 00:00")
    while now < at("2026-04-08 00:00"):
        for days in range(-1, 6):
            newest = today(now) - dt.timedelta(days=days)
            for chance in (0.0, 0.7, 1.0):
                following = TIMETABLE.next_poll(newest, now, chance)
                assert dt.timedelta(minutes=1) <= following - now or following >= instant(
                    today(now), dt.time(15, 55)
                )
                assert now < following <= now + dt.timedelta(hours=6)
        now += dt.timedelta(minutes=17)


def test_a_rate_that_came_early_does_not_make_the_feed_ask_again() -> None:
    now = at("2026-03-31 13:57")
    assert TIMETABLE.next_poll(dt.date(2026, 3, 31), now, 0.5) > now + dt.timedelta(hours=5)


def test_back_off_respects_what_the_source_asks_but_not_for_ever() -> None:
    assert TIMETABLE.back_off_seconds(1, 1234, 0.5) == 1234
    assert TIMETABLE.back_off_seconds(1, 1e12, 0.5) == 6 * 3600
    assert TIMETABLE.back_off_seconds(10**6, None, 1.0) == 330


def test_target_days_and_frankfurt_agree_over_the_years() -> None:
    for offset in range(0, 3000, 7):
        day = TIMETABLE.newest_due(at("2019-01-02 16:00") + dt.timedelta(days=offset))
        assert day is not None
        assert is_target_day(day)
