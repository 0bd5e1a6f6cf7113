"""The forest may change the ranges only where it forecasts their width on days that it never saw."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.rates.tables import Series
from training.dataset import PairHistory, build_rows
from training.evaluate import measure, outcomes_of
from training.fit import fit_model
from training.forests import ForestSettings
from training.range_gate import EXPONENTS, GATE, MIN_DAYS, fit_range_factor

SMALL = ForestSettings(trees=5)
DAYS = np.arange("2000-01-03", "2020-01-01", dtype="datetime64[D]")


def invented(pairs, count, volatility, seed=0):
    """Histories whose returns have a given volatility, a function of a generator and the number of days."""
    histories = []
    for position in range(pairs):
        generator = np.random.default_rng((seed, position))
        returns = 0.005 * volatility(generator, count)
        name = f"EUR/{chr(65 + position) * 3}"
        histories.append(PairHistory(name, (Series(name, DAYS[:count], np.exp(np.cumsum(returns))),)))
    return histories


def nervous_after_a_shock(generator, count):
    """Two calm days in three, and on the day after every move over 2 sigma the volatility is doubled: too fast for EWMA."""
    noise, returns = generator.standard_normal(count), np.zeros(count)
    for day in range(1, count):
        returns[day] = noise[day] * (2.5 if abs(returns[day - 1]) > 1.5 else 1.0)
    return returns


def igarch(generator, count):
    """What the EWMA is right about: the variance of tomorrow is the EWMA of squared returns (decay 0.94)."""
    noise, returns, variance = generator.standard_normal(count), np.zeros(count), 1.0
    for day in range(count):
        returns[day] = np.sqrt(variance) * noise[day]
        variance = max(0.94 * variance + 0.06 * returns[day] ** 2, 0.05)
    return returns


def test_it_is_on_where_volatility_clusters_faster_than_the_ewma_follows():
    histories = invented(6, 2000, nervous_after_a_shock)
    model = fit_model(histories, DAYS[1399], SMALL, (61,), refit=False)
    assert model.range_factor.exponent > 0.5
    assert model.range_factor.t_statistic > GATE
    found = measure(outcomes_of(model, histories, DAYS[1400], DAYS[1999]))
    assert found.winkler_base_ratio["80"] < 0.99
    assert found.winkler_base_ratio["95"] < 0.97
    assert found.coverage["95"] == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_off_where_the_ewma_is_right(seed):
    histories = invented(6, 2000, igarch, seed)
    model = fit_model(histories, DAYS[-1], SMALL, (61,), refit=False)
    assert model.range_factor.exponent == 0
    assert model.range_factor.t_statistic < GATE
    rows = build_rows(histories, model.sigmas)
    assert model.scales(rows).tobytes() == rows.scales.tobytes()


def noise(count=400, pairs=3, seed=0):
    generator = np.random.default_rng(seed)
    dates = np.repeat(DAYS[:count], pairs)
    factors = np.exp(0.3 * generator.standard_normal((count * pairs, 2)))
    return np.abs(generator.standard_normal(count * pairs)), np.ones((count * pairs, 2)), factors, dates


@pytest.mark.parametrize("seed", range(10))
def test_it_is_off_for_factors_that_are_noise(seed):
    found = fit_range_factor(*noise(seed=seed))
    assert found.exponent == 0
    assert found.t_statistic < GATE / 2
    assert found.gate == GATE


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_the_exponent_is_the_one_that_makes_the_factors_right(power):
    sizes, scales, factors, dates = noise(2000)
    factors = factors[:, [0, 0]]
    found = fit_range_factor(sizes * factors[:, 0] ** power, scales, factors, dates)
    assert found.exponent == power
    assert found.exponent in EXPONENTS
    assert found.t_statistic > 2 * GATE


def test_few_days_are_no_evidence():
    for days, on in ((MIN_DAYS - 1, False), (2000, True)):
        sizes, scales, factors, dates = noise(days)
        found = fit_range_factor(sizes * factors[:, 0], scales, factors[:, [0, 0]], dates)
        assert (found.exponent > 0) == on
        assert on or found.t_statistic == 0


def test_a_peg_is_no_evidence():
    _, scales, factors, dates = noise()
    found = fit_range_factor(np.zeros(len(dates)), scales, factors, dates)
    assert (found.exponent, found.t_statistic) == (0.0, 0.0)


def test_pairs_that_move_together_do_not_multiply_the_evidence():
    sizes, scales, factors, dates = noise(400, pairs=1)
    sizes = sizes * factors[:, 0] ** 0.5
    alone = fit_range_factor(sizes, scales, factors, dates)
    many = fit_range_factor(*(np.repeat(part, 20, axis=0) for part in (sizes, scales, factors, dates)))
    assert many.t_statistic == pytest.approx(alone.t_statistic, rel=0.05)


def test_a_planted_signal_of_the_return_is_weighed_on_its_own():
    """The gates do not share evidence: the centre's stays shut where only the width can be forecast."""
    histories = invented(6, 1500, nervous_after_a_shock, seed=3)
    model = fit_model(histories, DAYS[-1], SMALL, (61,), refit=False)
    assert model.range_factor.exponent > 0
    assert model.shrinkage.lambda_ == 0
