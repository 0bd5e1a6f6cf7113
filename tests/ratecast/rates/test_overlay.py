"""The feed takes precedence over the base unless its rate is suspicious."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ratecast.rates import overlay as module
from ratecast.rates.gathered import PairRates
from ratecast.rates.left_out import LeftOut
from ratecast.rates.tables import RateTable, series

DAYS = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
TODAY = dt.date(2024, 6, 30)
WALK = np.exp(0.005 * np.cumsum(np.random.default_rng(0).standard_normal(len(DAYS))))


@pytest.fixture
def base():
    return RateTable("base", DAYS, {"EUR/USD": WALK.copy(), "EUR/JPY": 150 * WALK[::-1]})


def lay_over(base, feed, pairs, until=None):
    return module.lay_over(base, feed, pairs, TODAY, until)


def feed(start, stop, factor=1.0, values=None):
    found = factor * WALK[start:stop] if values is None else values
    return PairRates(DAYS[start:stop], np.array(found, dtype=np.float64))


def column(overlay, pair):
    found = overlay.table.columns[pair]
    return {str(d): r for d, r in zip(overlay.table.dates, found.tolist(), strict=True) if not np.isnan(r)}


def test_the_feed_wins_on_its_days_and_adds_new_ones(base):
    old = RateTable("base", DAYS[:150], {"EUR/USD": WALK[:150].copy()})
    overlay = lay_over(old, {"EUR/USD": feed(100, 182, 1.001)}, ["EUR/USD"])
    expected = np.concatenate((WALK[:100], 1.001 * WALK[100:]))
    assert list(column(overlay, "EUR/USD").values()) == expected.tolist()
    assert overlay.taken == {"EUR/USD": 82}
    assert (overlay.left_out, overlay.no_rates) == ((), ())


def test_a_cross_stays_derived_from_the_base_alone(base):
    clean = series(base, "USD/JPY")[0].rates.tolist()
    overlay = lay_over(base, {"EUR/USD": feed(0, 182, 1.002)}, ["EUR/USD", "USD/JPY"])
    assert list(column(overlay, "USD/JPY").values()) == clean
    cross = lay_over(base, {"USD/JPY": feed(0, 3, values=[*clean[:2], clean[2] * 1.001])}, ["USD/JPY"])
    assert list(column(cross, "USD/JPY").values()) == [*clean[:2], clean[2] * 1.001, *clean[3:]]


def test_a_rate_the_base_contradicts_is_left_out_and_the_base_is_used(base):
    values = WALK[100:110].copy()
    values[3] *= 10
    overlay = lay_over(base, {"EUR/USD": feed(100, 110, values=values)}, ["EUR/USD"])
    assert column(overlay, "EUR/USD")[str(DAYS[103])] == WALK[103]
    assert overlay.left_out == (LeftOut("EUR/USD", str(DAYS[103]), values[3], "contradiction"),)
    assert overlay.taken == {"EUR/USD": 9}


def test_a_feed_of_another_unit_is_left_out_beyond_the_base_too():
    old = RateTable("base", DAYS[:150], {"EUR/USD": WALK[:150].copy()})
    overlay = lay_over(old, {"EUR/USD": feed(100, 182, 100)}, ["EUR/USD"])
    assert list(column(overlay, "EUR/USD").values()) == WALK[:150].tolist()
    assert {faulty.rule for faulty in overlay.left_out} == {"contradiction"}
    assert len(overlay.left_out) == 82


def test_a_spike_beyond_the_base_is_left_out_and_leaves_no_rate():
    old = RateTable("base", DAYS[:150], {"EUR/USD": WALK[:150].copy()})
    values = WALK[150:].copy()
    values[5] *= 1.08
    overlay = lay_over(old, {"EUR/USD": feed(150, 182, values=values)}, ["EUR/USD"])
    assert [(f.day, f.rule) for f in overlay.left_out] == [(str(DAYS[155]), "spike")]
    assert str(DAYS[155]) not in column(overlay, "EUR/USD")
    assert len(column(overlay, "EUR/USD")) == 181


def test_without_a_base_the_feed_is_used_alone(base):
    overlay = lay_over(None, {"EUR/USD": feed(0, 182)}, ["EUR/USD", "EUR/JPY"])
    assert list(column(overlay, "EUR/USD").values()) == WALK.tolist()
    assert overlay.no_rates == ("EUR/JPY",)
    assert overlay.table.source == "the topic"


def test_a_pair_the_base_cannot_derive_comes_from_the_feed(base):
    overlay = lay_over(base, {"EUR/XAU": feed(0, 182)}, ["EUR/USD", "EUR/XAU"])
    assert list(column(overlay, "EUR/XAU").values()) == WALK.tolist()


def test_pairs_of_different_days_share_a_table(base):
    short = RateTable("base", DAYS[:100], {"EUR/USD": WALK[:100].copy()})
    overlay = lay_over(short, {"EUR/GBP": feed(50, 182)}, ["EUR/USD", "EUR/GBP"])
    assert len(overlay.table.dates) == 182
    assert list(column(overlay, "EUR/USD")) == DAYS[:100].astype(str).tolist()
    assert list(column(overlay, "EUR/GBP")) == DAYS[50:].astype(str).tolist()


def test_until_cuts_both(base):
    overlay = lay_over(base, {"EUR/USD": feed(100, 182, 1.001)}, ["EUR/USD"], dt.date(2024, 5, 1))
    assert str(overlay.table.dates[-1]) == "2024-05-01"
    assert overlay.taken == {"EUR/USD": 22}


def test_what_the_feed_said_of_pairs_nobody_asked_for_is_ignored(base):
    overlay = lay_over(base, {"EUR/CHF": feed(0, 182)}, ["EUR/USD"])
    assert list(overlay.table.columns) == ["EUR/USD"]


def test_a_day_later_than_tomorrow_is_left_out_and_tomorrow_is_taken(base):
    """After the hole before it nothing holds its rate to any level, and it would be the model's last day."""
    days = np.array(["2024-06-30", "2024-07-01", "2024-07-02", "2099-01-04"], dtype="datetime64[D]")
    rates_said = WALK[-1] * np.array([1.0, 1.001, 1.002, 0.999])
    overlay = lay_over(base, {"EUR/USD": PairRates(days, rates_said)}, ["EUR/USD"])
    assert overlay.left_out == tuple(
        LeftOut("EUR/USD", str(day), rate, "future")
        for day, rate in zip(days[2:], rates_said[2:].tolist(), strict=True)
    )
    assert (overlay.taken, list(column(overlay, "EUR/USD"))[-1]) == ({"EUR/USD": 2}, "2024-07-01")
    assert str(overlay.table.dates[-1]) == "2024-07-01"


def test_a_pair_that_has_nothing_but_days_to_come_has_no_rates(base):
    days = np.arange("2030-01-01", "2030-06-01", dtype="datetime64[D]")
    overlay = lay_over(base, {"EUR/XAU": PairRates(days, np.full(len(days), 2.0))}, ["EUR/USD", "EUR/XAU"])
    assert overlay.no_rates == ("EUR/XAU",)


def test_days_to_come_do_not_make_a_feed_contradict_its_base(base):
    """They are out before the feed is held to the base: they are no evidence of another unit."""
    late = RateTable("base", np.arange("2024-01-01", "2024-08-01", dtype="datetime64[D]"), {})
    late.columns["EUR/USD"] = np.exp(0.005 * np.random.default_rng(1).standard_normal(len(late.dates)))
    days = np.concatenate((late.dates[100:103], late.dates[-20:]))
    quoted = np.concatenate((late.columns["EUR/USD"][100:103], np.full(20, 100.0)))
    overlay = lay_over(late, {"EUR/USD": PairRates(days, quoted)}, ["EUR/USD"])
    assert overlay.taken == {"EUR/USD": 3}
    assert {faulty.rule for faulty in overlay.left_out} == {"future"}
    assert list(column(overlay, "EUR/USD").values()) == late.columns["EUR/USD"].tolist()
