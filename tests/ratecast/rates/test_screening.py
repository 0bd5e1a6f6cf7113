"""Planted faults are left out, real shocks stay in."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ratecast.rates import screening
from ratecast.rates.screening import EXCURSION, SPIKE, UNCONFIRMED
from ratecast.rates.tables import DEFAULT_PAIRS, load_ecb, series

SIGMA = 0.005


def walk(count=400, seed=0):
    return np.exp(SIGMA * np.cumsum(np.random.default_rng(seed).standard_normal(count)))


def suspects(found, of_feed=None, after_hole=None):
    feed = np.ones(len(found), dtype=np.bool_) if of_feed is None else of_feed
    return screening.suspects(found, feed, screening.spike_bounds(found), after_hole)


def test_a_clean_walk_has_no_suspects():
    assert all(suspects(walk(seed=seed)) == {} for seed in range(50))


@pytest.mark.parametrize(
    ("start", "stop", "factor", "rule"),
    [
        (200, 201, 1.06, SPIKE),
        (200, 201, 0.94, SPIKE),
        (200, 201, 100, EXCURSION),
        (200, 220, 10, EXCURSION),
        (200, 210, 2.3, EXCURSION),
        (200, 210, 1 / 2.3, EXCURSION),
        (150, 390, 0.1, EXCURSION),
        (0, 3, 10, EXCURSION),
        (399, 400, 1.06, UNCONFIRMED),
        (395, 400, 10, UNCONFIRMED),
        (100, 400, 10, UNCONFIRMED),
    ],
)
def test_a_planted_fault_is_found_to_the_rate(start, stop, factor, rule):
    found = walk()
    found[start:stop] *= factor
    assert suspects(found) == dict.fromkeys(range(start, stop), rule)


@pytest.mark.parametrize(("start", "factor"), [(200, 1.2), (200, 0.85), (1, 1.06), (398, 1.06)])
def test_a_shock_that_stays_is_kept(start, factor):
    found = walk()
    found[start:] *= factor
    assert suspects(found) == {}


@pytest.mark.parametrize("factor", [1.8, 1 / 1.8])
def test_days_that_are_wrong_by_less_than_a_factor_of_two_are_kept(factor):
    """A market could have done that, as the docstring of the module explains."""
    found = walk()
    found[200:210] *= factor
    assert suspects(found) == {}


def test_two_faults_in_a_row_of_different_size_are_both_found():
    found = walk()
    found[200] *= 10
    found[202] *= 0.01
    assert suspects(found) == {200: EXCURSION, 202: EXCURSION}


def test_a_spike_smaller_than_the_bound_is_kept():
    found = walk()
    bound = screening.spike_bounds(found)[200]
    assert 0.03 < bound < 0.06
    found[200] = found[199] * np.exp(0.6 * bound)
    assert suspects(found) == {}


def test_a_feed_in_a_volatile_time_is_judged_by_that_time():
    """Five times as volatile for a year: what was a spike before is a move now."""
    returns = SIGMA * np.random.default_rng(1).standard_normal(1500)
    returns[1000:1250] *= 5
    assert suspects(np.exp(np.cumsum(returns))) == {}


def test_a_base_is_beyond_doubt():
    found, of_feed = walk(), np.ones(400, dtype=np.bool_)
    found[200:] *= 10
    of_feed[200:210] = False
    assert suspects(found, of_feed) == {}


def test_after_a_hole_of_years_a_rate_begins_anew():
    found = walk()
    found[200:] *= 0.3
    hole = np.zeros(400, dtype=np.bool_)
    hole[200] = True
    assert suspects(found, after_hole=hole) == {}
    assert len(suspects(found)) == 200
    found[200] *= 10
    assert suspects(found, after_hole=hole) == {200: EXCURSION}


def test_a_pegged_rate_does_not_make_every_move_a_spike():
    found = np.full(400, 7.46)
    found[200] *= 1.009
    assert suspects(found) == {}
    found[200] = 7.46 * 1.02
    assert suspects(found) == {200: SPIKE}


@pytest.mark.parametrize("pair", ["EUR/CHF", "EUR/GBP", "EUR/TRY", "USD/JPY", "EUR/KRW"])
def test_the_shocks_of_a_quarter_century_stay_in(pair):
    (stretch,) = series(load_ecb(), pair)
    assert suspects(stretch.rates) == {}


def of_file(found, hole=None):
    holes = np.zeros(len(found), dtype=np.bool_) if hole is None else hole
    return screening.suspects_of_file(found, screening.spike_bounds(found), holes)


def test_a_clean_file_has_no_suspects():
    assert all(of_file(walk(seed=seed)) == {} for seed in range(50))


@pytest.mark.parametrize("factor", [0.01, 10, 2.3])
@pytest.mark.parametrize("count", [1, 2, 20, 150])
@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_rates_of_a_file_are_found_wherever_they_are_wrong(place, count, factor):
    start = {"start": 0, "middle": 120, "end": 400 - count}[place]
    found = walk()
    found[start : start + count] *= factor
    rule = EXCURSION if place == "middle" else UNCONFIRMED
    assert of_file(found) == dict.fromkeys(range(start, start + count), rule)


@pytest.mark.parametrize("position", [0, 399])
def test_a_lone_rate_at_either_end_of_a_file_needs_no_factor_of_two(position):
    found = walk()
    found[position] *= 1.1
    assert of_file(found) == {position: UNCONFIRMED}


def test_a_file_that_is_wrong_at_both_ends_and_between_loses_just_that():
    found = walk()
    found[:20] *= 10
    found[200:220] *= 100
    found[-20:] /= 10
    assert list(of_file(found)) == [*range(20), *range(200, 220), *range(380, 400)]


@pytest.mark.parametrize(("count", "expected"), [(20, EXCURSION), (21, None)])
def test_a_quote_the_other_way_round_is_found_for_four_weeks_of_a_file_and_not_of_a_feed(count, expected):
    found = 1.09 * walk()
    found[200 : 200 + count] = 1 / found[200 : 200 + count]
    assert of_file(found) == ({} if expected is None else dict.fromkeys(range(200, 200 + count), expected))
    assert suspects(found) == {}


def test_a_shock_that_stays_is_kept_in_a_file():
    found = walk()
    found[200:] *= 1.3
    assert of_file(found) == {}


def test_stretches_of_a_file_are_judged_apart():
    found, hole = walk(), np.zeros(400, dtype=np.bool_)
    found[200:] *= 0.3
    found[[0, 200, 399]] *= 10
    hole[200] = True
    assert list(of_file(found, hole)) == [0, 200, 399]


@pytest.mark.parametrize("pair", DEFAULT_PAIRS)
def test_no_rate_of_a_default_pair_would_be_left_out_of_a_file(pair):
    (stretch,) = series(load_ecb(), pair)
    assert of_file(stretch.rates) == {}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_file_of_very_few_rates_is_screened_without_a_stumble(count):
    assert of_file(np.ones(count)) == {}


def test_tomorrow_may_have_begun_elsewhere_and_the_day_after_has_not():
    days = np.array(
        ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01", "2099-01-04"], dtype="datetime64[D]"
    )
    late = screening.in_future(days, dt.date(2024, 2, 28))
    assert late.tolist() == [False, False, False, True, True]


def test_a_feed_that_contradicts_the_base_on_some_days_loses_those_days():
    reference = walk(20)
    feed = reference * 1.001
    feed[4] *= 1.1
    reference[7] = np.nan
    off = screening.contradictions(feed, reference, np.full(20, 0.05))
    assert np.flatnonzero(off).tolist() == [4]


def test_a_feed_that_contradicts_the_base_on_most_days_is_left_out_on_all():
    reference = walk(20)
    feed = reference.copy()
    feed[:11] *= 1.1
    reference[15:] = np.nan
    assert screening.contradictions(feed, reference, np.full(20, 0.05)).all()


def test_too_few_common_days_condemn_nothing_but_themselves():
    reference = np.full(20, np.nan)
    reference[:4] = 1.0
    off = screening.contradictions(np.full(20, 2.0), reference, np.full(20, 0.05))
    assert np.flatnonzero(off).tolist() == [0, 1, 2, 3]
