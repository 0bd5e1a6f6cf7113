"""Unusual pairs are named and do not affect the others."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.rates.tables import DEFAULT_PAIRS, Series, load_ecb, series
from training.dataset import PairHistory, build_rows, pair_sigmas
from training.fit import MIN_FIT_ROWS, fit_model
from training.pooling import not_pooled, sentences
from training.quality_limits import quality_limits


def unlike(histories, least_rows=MIN_FIT_ROWS):
    return not_pooled(build_rows(histories, pair_sigmas(histories)), len(histories), least_rows)


def changed(history, rates_):
    (stretch,) = history.stretches
    return PairHistory(history.pair, (Series(history.pair, stretch.dates, rates_),))


def spiky(history):
    """Makes every twentieth rate three times too high."""
    found = history.stretches[0].rates.copy()
    found[5::20] *= 3
    return changed(history, found)


def pegged(history):
    """A rate that takes two nearly equal values and moves on one day of five."""
    moves = np.random.default_rng(9).random(len(history.stretches[0].rates)) < 0.1
    return changed(history, np.where(np.cumsum(moves) % 2, 1.9558, 1.9559))


@pytest.fixture(scope="module")
def ecb_histories():
    table = load_ecb()
    return [PairHistory(pair, tuple(series(table, pair))) for pair in DEFAULT_PAIRS]


@pytest.mark.parametrize("year", [2001, 2005, 2008, 2012, 2020, 2026])
def test_every_default_pair_is_pooled_in_any_year(ecb_histories, year):
    assert unlike([history.until(np.datetime64(f"{year}-12-31")) for history in ecb_histories]) == {}


def test_pegs_of_the_ecb_are_not_pooled_with_the_default_pairs(ecb_histories):
    table = load_ecb()
    pegs = [PairHistory(pair, tuple(series(table, pair))) for pair in ("EUR/BGN", "EUR/LTL", "EUR/CYP")]
    found = unlike([*ecb_histories[:6], *pegs])
    assert list(found) == [6, 7, 8]
    assert found[6] == "pegged: 85 % of its returns are zero"


def test_invented_walks_are_alike(invent):
    assert unlike(invent(1200)) == {}
    assert unlike(invent(250)) == {}


def test_a_pair_with_spikes_is_named_and_affects_neither_quantiles_nor_limits(invent, small_forest):
    histories = invent(1200)[:4]
    dirty = [*histories[:3], spiky(histories[3])]
    until = histories[0].stretches[0].dates[-1]
    found, clean = (fit_model(some, until, small_forest) for some in (dirty, histories[:3]))
    assert list(found.not_pooled) == [3]
    assert found.quantiles == clean.quantiles
    assert found.shrinkage == clean.shrinkage
    assert np.isfinite(found.sigmas).all()  # it gets forecasts all the same
    limits, expected = (
        quality_limits(some, build_rows(some, pair_sigmas(some)), fitted.not_pooled)
        for some, fitted in ((dirty, found), (histories[:3], clean))
    )
    assert (limits.jump_sigmas, limits.level_step, limits.regime_ratio) == (
        *(expected.jump_sigmas, expected.level_step, expected.regime_ratio),
    )
    assert limits.pairs["EUR/GBP"] == expected.pairs["EUR/GBP"]


def test_of_two_pairs_the_one_that_differs_from_the_ecb_s_is_left_out(invent):
    clean, other = invent(1200)[:2]
    assert list(unlike([clean, spiky(other)])) == [1]
    assert list(unlike([spiky(clean), other])) == [0]
    assert list(unlike([clean, pegged(other)])) == [1]


def test_an_unusual_pair_alone_is_pooled_and_a_sentence_says_why(invent):
    alone = [pegged(invent(1200)[0])]
    assert unlike(alone) == {}
    (sentence,) = sentences(alone, build_rows(alone, pair_sigmas(alone)), {})
    assert sentence.startswith("EUR/GBP is pegged: 9")
    assert "as too few rates would be left" in sentence


def test_pairs_are_kept_where_too_few_rows_would_be_left(invent):
    histories = [invent(120)[0], pegged(invent(1200)[1])]
    assert unlike(histories) == {}
    assert list(unlike(histories, least_rows=50)) == [1]
