from __future__ import annotations

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ratecast.contract.dates import day_numbers, last_day_numbers

EPOCH = dt.date(1970, 1, 1)
several = st.lists(st.lists(st.dates(), min_size=1, max_size=5), max_size=4)


def numbers(days: list[dt.date]) -> list[float]:
    return [float((day - EPOCH).days) for day in days]


@given(several, st.integers(-7, 7))
def test_a_day_number_is_that_of_the_date_at_the_index_and_nan_without_one(
    times: list[list[dt.date]], index: int
) -> None:
    expected = [numbers(days)[index] if -len(days) <= index < len(days) else np.nan for days in times]
    np.testing.assert_array_equal(day_numbers(times, index), expected)


@given(several, st.integers(1, 7))
def test_the_last_day_numbers_are_at_the_right_behind_nan(times: list[list[dt.date]], count: int) -> None:
    padded = [([np.nan] * count + numbers(days))[-count:] for days in times]
    np.testing.assert_array_equal(last_day_numbers(times, count), np.reshape(padded, (-1, count)))
