"""Which rates of an invented file are used for training, and what is reported about the others."""

from __future__ import annotations

import datetime as dt

import numpy as np

from ratecast.rates import left_out
from ratecast.rates.left_out import LeftOut
from ratecast.rates.table_screening import screened
from ratecast.rates.tables import RateTable, series

DAYS = np.busday_offset("2021-01-04", np.arange(400), roll="forward").astype("datetime64[D]")
TODAY = dt.date(2026, 1, 1)


def table(**faults):
    """Two invented walks; each keyword is a column, each value position -> factor."""
    columns = {}
    for seed, name in enumerate(("USD", "JPY")):
        column = np.exp(0.005 * np.cumsum(np.random.default_rng(seed).standard_normal(len(DAYS))))
        for position, factor in faults.get(name, {}).items():
            column[position] *= factor
        columns[f"EUR/{name}"] = column
    return RateTable("rates.csv", DAYS, columns)


def test_a_faulty_rate_leaves_its_column_and_no_other():
    dirty, clean = table(JPY={200: 0.01}), table()
    found = screened(dirty, TODAY)
    assert found.left_out == (LeftOut("EUR/JPY", str(DAYS[200]), dirty.columns["EUR/JPY"][200], "excursion"),)
    expected = clean.columns["EUR/JPY"].copy()
    expected[200] = np.nan
    np.testing.assert_array_equal(found.table.columns["EUR/JPY"], expected)
    np.testing.assert_array_equal(found.table.columns["EUR/USD"], clean.columns["EUR/USD"])


def test_a_cross_lacks_the_day_on_which_either_of_its_rates_was_left_out():
    (cross,) = series(screened(table(JPY={200: 0.01}, USD={50: 10.0}), TODAY).table, "USD/JPY")
    assert sorted(set(DAYS.tolist()) - set(cross.dates.tolist())) == [DAYS[50].item(), DAYS[200].item()]


def test_what_comes_after_until_decides_nothing():
    until = DAYS[199].item()
    late = screened(table(JPY=dict.fromkeys(range(200, 400), 10.0)), TODAY, until)
    assert late.left_out == ()
    assert late.table.dates[-1] == DAYS[199]


def test_outliers_are_kept_when_asked_for_and_the_future_is_not():
    dirty = table(JPY={200: 0.01})
    found = screened(dirty, DAYS[396].item(), keep_outliers=True)
    assert [(faulty.pair, faulty.day, faulty.rule) for faulty in found.left_out] == [
        (pair, str(DAYS[position]), "future") for pair in ("EUR/USD", "EUR/JPY") for position in (398, 399)
    ]
    assert found.table.columns["EUR/JPY"][200] == dirty.columns["EUR/JPY"][200]


def test_a_clean_table_and_an_empty_one_are_left_alone():
    assert screened(table(), TODAY).sentences() == ()
    assert screened(table(), TODAY, dt.date(2000, 1, 1)).left_out == ()


def test_what_is_left_out_is_named_by_rule_and_by_run():
    found = screened(table(JPY={0: 0.01, 200: 0.01, 201: 0.01}), TODAY)
    assert next(iter(left_out.lines(found.left_out, "rates.csv"))) == (
        "left out  3 rates that look like faults in rates.csv (--keep-outliers keeps them):"
    )
    (sentence,) = found.sentences()
    assert sentence.startswith(
        "3 rates that look like faults in rates.csv, left out of training: EUR/JPY 2021-01-04: 0.01"
    )
    assert f"EUR/JPY {DAYS[200]} to {DAYS[201]}: 2 rates (excursion)." in sentence
    assert found.remark() == " (left out before: 2 excursion, 1 unconfirmed)"
