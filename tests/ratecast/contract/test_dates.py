from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.contract.dates import day_numbers, malformed


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@given(st.lists(st.dates(), min_size=1, max_size=70))
def test_real_dates_are_well_formed(separators: tuple[str, str], days: list[dt.date]) -> None:
    text = json.dumps([day.isoformat() for day in days], separators=separators).encode()
    assert malformed([(text, len(days))]) == []
    assert malformed([(text, len(days) + 1)]) == [0]


@given(st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"))
def test_a_date_is_well_formed_exactly_when_it_is_on_the_calendar(text: str) -> None:
    if not text.isascii():
        return
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        on_calendar = False
    else:
        on_calendar = True
    assert (malformed([(f'["{text}"]'.encode(), 1)]) == []) == on_calendar


@given(st.binary(min_size=14, max_size=14))
def test_bytes_that_are_no_date_are_reported(text: bytes) -> None:
    if text[:2] != b'["':
        assert malformed([(text, 1)]) == [0]


def test_faults_are_found_among_good_neighbours_of_several_lengths() -> None:
    good = b'["2025-01-02","2025-01-03"]'
    arrays = [(good, 2), (b'["2025-01-02"]', 1), (b'["2025-01-02","2025-01-3x"]', 2), (good, 2), (b"[]", 0)]
    assert malformed(arrays) == [2, 4]


@pytest.mark.parametrize("separator", [",", ", "])
@given(st.lists(st.dates(), min_size=1, max_size=5))
def test_day_numbers_are_counted_from_either_end(separator: str, days: list[dt.date]) -> None:
    text = json.dumps([day.isoformat() for day in days], separators=(separator, ":")).encode()
    (found,) = day_numbers([(text, len(days))], (0, 1, -1, 7))
    numbers = [(day - dt.date(1970, 1, 1)).days for day in days]
    before = numbers[-2] if len(days) > 1 else np.nan
    np.testing.assert_array_equal(found, [numbers[-1], before, numbers[0], np.nan])
