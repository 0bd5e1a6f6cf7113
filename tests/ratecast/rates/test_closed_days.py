"""Closed days filled with the rate before, in invented tables: found from their dates, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.rates.closed_days import weekdays, without_copies
from ratecast.rates.tables import RateTable, load_ecb

ALL_DAYS = np.arange("2021-01-04", "2023-01-02", dtype="datetime64[D]")
WEEKDAY = weekdays(ALL_DAYS.astype(np.int64))
OPEN = WEEKDAY < 5


def walk(seed=0, digits=5):
    return np.round(
        np.exp(0.005 * np.cumsum(np.random.default_rng(seed).standard_normal(len(ALL_DAYS)))), digits
    )


def filled(column, closed):
    """Each closed day repeats the day before."""
    result = column.copy()
    for day in np.flatnonzero(closed):
        result[day] = result[day - 1] if day else result[day]
    return result


def table(*columns, keep=None):
    names = ("EUR/USD", "EUR/JPY", "EUR/GBP")
    keep = np.ones(len(ALL_DAYS), dtype=np.bool_) if keep is None else keep
    return RateTable("t", ALL_DAYS[keep], {n: c[keep] for n, c in zip(names, columns, strict=False)})


def days_left(found):
    return [str(day) for day in found.dates]


def test_weekends_that_repeat_friday_are_taken_out_and_counted():
    left, copies = without_copies(table(filled(walk(), ~OPEN), filled(walk(1), ~OPEN)))
    assert days_left(left) == [str(day) for day in ALL_DAYS[OPEN]]
    assert (copies.rows, copies.weekends, copies.holidays) == (len(ALL_DAYS), int((~OPEN).sum()), 0)
    assert copies.pairs == ("EUR/USD", "EUR/JPY")
    assert (copies.first_day, copies.last_day) == ("2021-01-09", "2023-01-01")


def test_quotes_of_seven_days_are_kept():
    left, copies = without_copies(table(walk(), walk(1)))
    assert copies is None
    assert days_left(left) == [str(day) for day in ALL_DAYS]


def test_the_weekends_of_each_pair_of_a_table_are_found_separately():
    left, copies = without_copies(table(filled(walk(), ~OPEN), walk(1)))
    assert copies.pairs == ("EUR/USD",)
    assert np.isnan(left.columns["EUR/USD"][~OPEN]).all()
    assert not np.isnan(left.columns["EUR/JPY"]).any()


def test_a_source_may_begin_to_fill_in_the_midst_of_a_file():
    later = np.datetime64("2022-01-01") <= ALL_DAYS
    left, copies = without_copies(table(filled(walk(), ~OPEN & later), keep=OPEN | later))
    assert days_left(left) == [str(day) for day in ALL_DAYS[OPEN]]
    assert copies.weekends == int((~OPEN & later).sum())


def test_a_source_that_changes_from_real_weekends_to_copies_keeps_the_real_ones():
    later = np.datetime64("2022-01-01") <= ALL_DAYS
    _, copies = without_copies(table(filled(walk(), ~OPEN & later)))
    assert copies.weekends == int((~OPEN & later).sum())
    assert copies.first_day == "2022-01-01"


@pytest.mark.parametrize(("closed", "real"), [(5, 6), (6, 5)])
def test_saturdays_and_sundays_are_judged_apart(closed, real):
    left, copies = without_copies(table(filled(walk(), closed == WEEKDAY)))
    assert copies.weekends == int((closed == WEEKDAY).sum())
    assert (weekdays(left.dates.astype(np.int64)) == real).any()


def test_sundays_alone_that_repeat_friday_are_taken_out():
    keep = WEEKDAY != 5
    column = walk()
    column[WEEKDAY == 6] = column[np.flatnonzero(WEEKDAY == 6) - 2]
    left, _ = without_copies(table(column, keep=keep))
    assert days_left(left) == [str(day) for day in ALL_DAYS[OPEN]]


HOLIDAYS = np.isin(ALL_DAYS, np.array(["2021-04-05", "2021-12-27", "2022-04-18"], dtype="datetime64[D]"))


def test_holidays_on_which_every_pair_repeats_are_taken_out_with_the_weekends():
    closed = ~OPEN | HOLIDAYS
    left, copies = without_copies(table(filled(walk(), closed), filled(walk(1), closed)))
    assert days_left(left) == [str(day) for day in ALL_DAYS[~closed]]
    assert copies.holidays == 3


def test_holidays_are_noticed_without_weekends_where_two_free_pairs_repeat_together():
    closed = ~OPEN | HOLIDAYS
    left, copies = without_copies(table(filled(walk(), closed), filled(walk(1), closed), keep=OPEN))
    assert (copies.weekends, copies.holidays) == (0, 3)
    assert len(left.dates) == int((OPEN & ~HOLIDAYS).sum())


def test_a_tie_of_one_pair_on_a_weekday_is_kept():
    column = walk()
    column[200] = column[199]
    assert OPEN[200]
    assert without_copies(table(column, walk(1), keep=OPEN))[1] is None


def test_a_pegged_pair_that_repeats_on_any_day_is_kept():
    peg = np.where(np.random.default_rng(0).random(len(ALL_DAYS)) < 0.2, 1.9559, 1.9558)
    assert without_copies(table(peg))[1] is None


def test_a_weekend_after_a_hole_of_weeks_is_no_copy():
    column, keep = filled(walk(), ~OPEN), OPEN | (np.datetime64("2021-03-01") > ALL_DAYS)
    keep &= ~((np.datetime64("2021-02-01") <= ALL_DAYS) & (np.datetime64("2021-02-27") > ALL_DAYS))
    column[np.datetime64("2021-02-27") == ALL_DAYS] = column[np.datetime64("2021-01-31") == ALL_DAYS]
    left, _ = without_copies(table(column, keep=keep))
    assert np.datetime64("2021-02-27") in left.dates


def test_the_ecb_s_rates_hold_no_copies():
    table_ = load_ecb()
    assert without_copies(table_) == (table_, None)
