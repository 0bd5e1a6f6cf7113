"""The feed wins over the base where it is to be believed."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ratecast import rates
from ratecast.overlay import LeftOut, lay_over
from ratecast.rates import RateTable
from ratecast.topic_rates import PairRates

DAYS = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
WALK = np.exp(0.005 * np.cumsum(np.random.default_rng(0).standard_normal(len(DAYS))))


@pytest.fixture
def base():
    return RateTable("base", DAYS, {"EUR/USD": WALK.copy(), "EUR/JPY": 150 * WALK[::-1]})


def feed(start, stop, factor=1.0, values=None):
    found = factor * WALK[start:stop] if values is None else values
    return PairRates(DAYS[start:stop], np.array(found, dtype=np.float64))


def column(overlay, pair):
    own = overlay.table.columns[pair]
    return {str(d): r for d, r in zip(overlay.table.dates, own.tolist(), strict=True) if not np.isnan(r)}


def test_the_feed_wins_on_its_days_and_adds_new_ones(base):
    old = RateTable("base", DAYS[:150], {"EUR/USD": WALK[:150].copy()})
    overlay = lay_over(old, {"EUR/USD": feed(100, 182, 1.001)}, ["EUR/USD"])
    expected = np.concatenate((WALK[:100], 1.001 * WALK[100:]))
    assert list(column(overlay, "EUR/USD").values()) == expected.tolist()
    assert overlay.taken == {"EUR/USD": 82}
    assert (overlay.left_out, overlay.no_rates) == ((), ())


def test_a_cross_stays_derived_from_the_base_alone(base):
    clean = rates.series(base, "USD/JPY")[0].rates.tolist()
    overlay = lay_over(base, {"EUR/USD": feed(0, 182, 1.002)}, ["EUR/USD", "USD/JPY"])
    assert list(column(overlay, "USD/JPY").values()) == clean
    own = lay_over(base, {"USD/JPY": feed(0, 3, values=[*clean[:2], clean[2] * 1.001])}, ["USD/JPY"])
    assert list(column(own, "USD/JPY").values()) == [*clean[:2], clean[2] * 1.001, *clean[3:]]


def test_a_rate_the_base_contradicts_is_left_out_and_the_base_stands(base):
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


def test_without_a_base_the_feed_stands_alone(base):
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
