from __future__ import annotations

import numpy as np
import pytest

from ratecast.model import features, ranges
from ratecast.model.range_inputs import range_inputs
from ratecast.rates.tables import Series
from training.dataset import PairHistory, build_rows, pair_sigmas, recent_sigma, recent_sigmas


@pytest.mark.parametrize("length", [3, 5, 11, 21, 61])
def test_rows_are_bit_for_bit_what_a_worker_computes_from_messages_of_that_length(invent, length):
    (history, *_) = invent(200)
    (stretch,) = history.stretches
    rows = build_rows([history], np.array([0.005]), length=length)
    messages = [stretch.rates[stop - length : stop].tolist() for stop in range(61, 200)]
    windows = features.window_matrix(messages)
    returns = features.log_returns(windows)
    stored = np.full(len(messages), 0.005)
    sigma = features.ewma_volatility(returns, stored, stored)
    scales = ranges.range_scales(returns, sigma, stored, stored)
    assert len(rows) == len(messages)
    np.testing.assert_array_equal(rows.sigma, sigma)
    np.testing.assert_array_equal(rows.inputs, features.model_inputs(returns, sigma, stored))
    np.testing.assert_array_equal(rows.scales, scales)
    np.testing.assert_array_equal(rows.range_inputs, range_inputs(returns, sigma, scales[:, 0]))
    np.testing.assert_array_equal(rows.last, [message[-1] for message in messages])


def test_a_rows_target_is_the_return_of_the_day_after_its_history(invent):
    (history, *_) = invent(200)
    (stretch,) = history.stretches
    rows = build_rows([history], np.array([0.005]))
    np.testing.assert_array_equal(rows.date, stretch.dates[61:])
    np.testing.assert_array_equal(rows.target, np.log(stretch.rates[61:]) - np.log(stretch.rates[60:-1]))


def test_bounds_of_the_target_day_are_included_and_change_no_row(invent):
    histories = invent(200)
    sigmas = pair_sigmas(histories)
    everything = build_rows(histories, sigmas)
    start, end = everything.date[10], everything.date[20]
    part = build_rows(histories, sigmas, start, end)
    expected = everything.where((everything.date >= start) & (everything.date <= end))
    assert len(part) == 11 * len(histories)
    np.testing.assert_array_equal(part.inputs, expected.inputs)
    np.testing.assert_array_equal(part.target, expected.target)


def test_no_row_looks_across_a_hole(invent):
    (history, *_) = invent(300)
    (whole,) = history.stretches
    cut = (
        Series("EUR/GBP", whole.dates[:150], whole.rates[:150]),
        Series("EUR/GBP", whole.dates[150:], whole.rates[150:]),
    )
    rows = build_rows([PairHistory("EUR/GBP", cut)], np.array([0.005]))
    assert len(rows) == (150 - 61) * 2
    assert not np.isin(whole.dates[150 : 150 + 61], rows.date).any()


def test_pairs_that_are_too_short_or_never_move_have_no_sigma_and_make_no_rows(invent):
    (history, *_) = invent(200)
    (stretch,) = history.stretches
    short = PairHistory("EUR/USD", (Series("EUR/USD", stretch.dates[:50], stretch.rates[:50]),))
    still = PairHistory("EUR/DKK", (Series("EUR/DKK", stretch.dates, np.full(200, 7.46)),))
    sigmas = pair_sigmas([short, history, still, PairHistory("EUR/XXX", ())])
    assert np.isnan(sigmas).tolist() == [True, False, True, True]
    rows = build_rows([short, history, still], sigmas[:3])
    assert set(rows.pair.tolist()) == {1}
    assert len(build_rows([short], sigmas[:1])) == 0


def test_a_history_until_a_day_ends_with_that_day(invent):
    (history, *_) = invent(200)
    (stretch,) = history.stretches
    (known,) = history.until(stretch.dates[99]).stretches
    np.testing.assert_array_equal(known.rates, stretch.rates[:100])
    assert history.until(np.datetime64("1990-01-01")).stretches == ()


def test_the_recent_sigma_of_a_year_is_of_the_last_five_hundred_returns_before_it(invent):
    (history, *_) = invent(1200)
    (stretch,) = history.stretches
    returns, days = np.diff(np.log(stretch.rates)), stretch.dates[1:]
    found = recent_sigmas(history, 0.02)
    assert list(found) == [2018, 2019, 2020, 2021, 2022]
    assert found[2018] == 0.02  # nothing was known yet: the sigma of all of training
    for year in (2019, 2021, 2022):
        before = returns[days < np.datetime64(f"{year}-01-01")][-500:]
        assert found[year] == pytest.approx(np.sqrt((before**2).mean()), rel=1e-12)


def test_short_rows_use_the_recent_sigma_of_their_year_and_long_ones_do_not(invent):
    (history, *_) = invent(1200)
    (stretch,) = history.stretches
    doubled = stretch.rates.copy()
    doubled[stretch.dates < np.datetime64("2020-01-01")] **= 2  # twice the returns; one jump on New Year
    changed = PairHistory("EUR/GBP", (Series("EUR/GBP", stretch.dates, doubled),))
    start, end = np.datetime64("2020-06-01"), np.datetime64("2020-12-31")
    for length, grows in ((3, True), (20, True), (21, False), (61, False)):
        one, other = (build_rows([h], np.array([0.005]), start, end, length) for h in (history, changed))
        assert (other.scales > one.scales).all() == grows
        assert (other.scales == one.scales).all() != grows


def test_a_pair_that_never_moved_lately_has_the_recent_sigma_of_all_of_training():
    assert recent_sigma(np.append(np.full(300, 0.01), np.zeros(500)), 0.006) == 0.006
