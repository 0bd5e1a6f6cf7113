"""The days of the rates of messages."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ratecast.contract.inputs import decode_histories
from ratecast.scoring.days import message_days

if TYPE_CHECKING:
    from ratecast.scoring.quality import Days

LAST = dt.date(2026, 1, 6)
LAST_DAY = (LAST - dt.date(1970, 1, 1)).days


def days_of(times: list[dt.date] | None, as_of: str | None = None, count: int = 30) -> Days:
    message: dict[str, object] = {"history": [1.0] * (len(times) if times else count)}
    if times:
        message["times"] = [day.isoformat() for day in times]
    if as_of:
        message["as_of"] = as_of
    return message_days(decode_histories([json.dumps(message).encode()], 100_000))


def daily(count: int, *, step: int = 1) -> list[dt.date]:
    return [LAST - dt.timedelta(step * back) for back in reversed(range(count))]


def values(days: Days) -> list[float]:
    return [float(column[0]) for column in (days.newest, days.gap, days.span, days.longest)]


def test_a_message_without_dates_has_no_days() -> None:
    assert np.isnan(values(days_of(None))).all()


def test_times_give_the_newest_day_the_last_step_and_the_last_twenty() -> None:
    assert values(days_of(daily(21)))[:3] == [LAST_DAY, 1, 20]
    assert np.isnan(values(days_of(daily(20)))[2])  # nineteen steps


@pytest.mark.parametrize(
    ("as_of", "newest", "gap"),
    [
        ("2026-01-06", 0, 1),
        ("2026-01-07", 1, 1),
        ("2026-01-08", 2, 2),  # a rate is missing at the end, or late
        ("2026-01-16", 10, 10),
        ("2026-01-05", -1, 1),  # as_of is what a message is dated by
    ],
)
def test_an_as_of_after_the_last_of_the_times_is_a_gap(as_of: str, newest: int, gap: int) -> None:
    days = days_of(daily(21), as_of)
    assert values(days)[:3] == [LAST_DAY + newest, gap, 20]


def test_an_as_of_alone_is_the_newest_day_and_no_gap() -> None:
    newest, *rest = values(days_of(None, "2026-01-06T16:00:00+01:00"))
    assert newest == LAST_DAY
    assert np.isnan(rest).all()


def test_the_longest_step_is_looked_for_where_the_span_is_unusual() -> None:
    assert np.isnan(values(days_of(daily(21)))[3])
    assert values(days_of(daily(21, step=2))) == [LAST_DAY, 2, 40, 2]
    hole = [day - dt.timedelta(14) for day in daily(31)[:-10]] + daily(10)
    assert values(days_of(hole)) == [LAST_DAY, 1, 34, 15]
    long_ago = [day - dt.timedelta(90) for day in daily(60)[:-21]] + daily(21)
    assert np.isnan(values(days_of(long_ago))[3])  # out of sight


def test_each_message_of_a_batch_has_its_days() -> None:
    batch = [
        {"history": [1, 2, 3]},
        {"history": [1, 2, 3], "times": ["2026-01-02", "2026-01-05", "2026-01-06"]},
        {"history": [1, 2, 3], "as_of": "2026-01-07"},
    ]
    days = message_days(decode_histories([json.dumps(message).encode() for message in batch], 1000))
    assert np.array_equal(days.newest, [np.nan, LAST_DAY, LAST_DAY + 1], equal_nan=True)
    assert np.array_equal(days.gap, [np.nan, 1, np.nan], equal_nan=True)


def weekdays_of(*dates: list[dt.date]) -> dict[int, list[int]]:
    """Return row -> weekdays from `message_days`."""
    batch = [{"history": [1.0] * len(of), "times": [day.isoformat() for day in of]} for of in dates]
    days = message_days(decode_histories([json.dumps(message).encode() for message in batch], 100_000))
    return {row: of_row.tolist() for row, of_row in days.weekdays.items()}


def on_working_days(count: int) -> list[dt.date]:
    return [day for day in daily(2 * count + 4) if day.weekday() < 5][-count:]


@pytest.mark.parametrize("count", [4, 7, 20, 21, 22, 60, 61, 62, 200])
def test_weekdays_are_found_for_messages_with_more_dates_than_working_days(count: int) -> None:
    weekdays = [day.weekday() for day in daily(count)][-60:]
    expected = [-1] * (60 - len(weekdays)) + weekdays
    assert weekdays_of(on_working_days(count), daily(count)) == {1: expected}


def test_a_weekend_at_the_edge_of_a_history_is_seen() -> None:
    thursday, friday, saturday, sunday, monday, tuesday = (dt.date(2026, 1, day) for day in range(1, 7))
    assert list(
        weekdays_of([thursday, friday, saturday], [friday, saturday, sunday], [saturday, sunday, monday])
    ) == [
        0,
        1,
        2,
    ]
    # No return leads to the first rate, and a weekend without rates is none.
    assert weekdays_of([sunday, monday, tuesday], [thursday, friday, monday], [friday, monday, tuesday]) == {}


def test_a_hole_in_the_dates_hides_no_weekends() -> None:
    for count in (40, 61, 200):
        hole = [day - dt.timedelta(8) for day in daily(count)[:-10]] + daily(10)
        assert list(weekdays_of(hole)) == [0]


def test_a_message_without_dates_has_no_weekdays() -> None:
    assert days_of(None).weekdays == {}
