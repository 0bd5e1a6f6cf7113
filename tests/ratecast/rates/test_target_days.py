"""The calendar by the days on which the ECB really published rates, and Easter by another implementation."""

from __future__ import annotations

import datetime as dt

import pytest
from dateutil import easter

from ratecast.rates.tables import load_ecb
from ratecast.rates.target_days import easter_sunday, is_target_day, next_target_day


def test_the_calendar_has_exactly_the_days_on_which_the_ecb_published_since_1999() -> None:
    published = load_ecb().dates.astype(object).tolist()
    first, last = published[0], published[-1]
    assert first == dt.date(1999, 1, 4)
    assert last >= dt.date(2026, 10, 30)
    every_day = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    assert [day for day in every_day if is_target_day(day)] == published


def test_each_published_day_leads_to_the_next_one() -> None:
    published = load_ecb().dates.astype(object).tolist()
    assert [next_target_day(day) for day in published[:-1]] == published[1:]


def test_easter_is_that_of_another_implementation() -> None:
    years = range(1583, 4100)
    assert [easter_sunday(year) for year in years] == [easter.easter(year) for year in years]


@pytest.mark.parametrize(
    ("day", "following"),
    [
        ("2026-04-02", "2026-04-07"),  # over Easter
        ("2026-04-30", "2026-05-04"),  # 1 May is a Friday
        ("2026-12-24", "2026-12-28"),  # the 26th is a Saturday
        ("2026-12-31", "2027-01-04"),
        ("2027-05-14", "2027-05-17"),  # Ascension and Whit Monday are TARGET days
        ("2026-10-31", "2026-11-02"),  # from a day that is closed itself
    ],
)
def test_the_next_day_of_the_calendar(day: str, following: str) -> None:
    assert str(next_target_day(dt.date.fromisoformat(day))) == following


def test_the_end_of_the_calendar_has_no_next_day() -> None:
    assert next_target_day(dt.date.max) is None
    assert next_target_day(dt.date(9999, 12, 30)) == dt.date.max
    assert next_target_day(dt.date.min) == dt.date(1, 1, 2)
