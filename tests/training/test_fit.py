"""Lambda must be above 0 if there is something to learn, and 0 if there is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ratecast.rates.tables import Series
from training.conformal import conformal_quantile
from training.dataset import build_rows
from training.evaluate import measure, outcomes_of
from training.fit import fit_model
from training.forests import ForestSettings, grow_centre
from training.shrinkage import fit_shrinkage


def split_day(histories, share):
    (stretch,) = histories[0].stretches
    return stretch.dates[int(share * len(stretch.dates))], stretch.dates[-1]


def test_with_a_planted_signal_lambda_is_not_0_and_the_model_beats_the_last_rate(invent, small_forest):
    histories = invent(2000, phi=0.2)  # invented: AR(1), the strongest signal any market would leave standing
    until, last = split_day(histories, 0.7)
    model = fit_model(histories, until, small_forest, (61,))
    metrics = measure(outcomes_of(model, histories, until + np.timedelta64(1, "D"), last))
    assert model.shrinkage.lambda_ > 0.3
    assert model.shrinkage.t_statistic > 3
    assert metrics.mae_ratio < 0.995
    assert metrics.mse_skill > 0.01
    assert metrics.diebold_mariano.p_value < 0.01
    assert metrics.direction.low > metrics.direction.majority
    assert metrics.coverage["95"] == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("seed", range(3))
def test_without_a_signal_lambda_is_0_and_the_forecast_is_the_last_rate(invent, small_forest, seed):
    histories = invent(1500, phi=0.0, seed=seed)  # invented: random walks
    until, last = split_day(histories, 0.7)
    model = fit_model(histories, until, small_forest, (61,))
    metrics = measure(outcomes_of(model, histories, until + np.timedelta64(1, "D"), last))
    assert model.shrinkage.lambda_ == 0
    assert metrics.mae_ratio == 1
    assert metrics.diebold_mariano is None
    assert metrics.coverage["95"] == pytest.approx(0.95, abs=0.02)


def test_what_comes_after_until_changes_nothing(invent, small_forest):
    histories = invent(600, phi=0.2)
    until, _ = split_day(histories, 0.7)
    altered = []
    for history in histories:
        (stretch,) = history.stretches
        rates = np.where(stretch.dates > until, stretch.rates * 3, stretch.rates)
        altered.append(replace(history, stretches=(Series(stretch.pair, stretch.dates, rates),)))
    one, two = (fit_model(h, until, small_forest) for h in (histories, altered))
    assert one.shrinkage == two.shrinkage
    assert one.quantiles == two.quantiles
    np.testing.assert_array_equal(one.sigmas, two.sigmas)
    inputs = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    np.testing.assert_array_equal(one.forest.predict(inputs), two.forest.predict(inputs))


def test_lambda_is_fitted_to_days_that_its_forest_was_not_trained_on(invent, small_forest):
    histories = invent(600)
    until, _ = split_day(histories, 0.9)
    model = fit_model(histories, until, small_forest, refit=False)
    rows = build_rows([history.until(until) for history in histories], model.sigmas)
    early, later = rows.date <= model.split, rows.date > model.split
    assert 2.5 * later.sum() < early.sum() < 3.5 * later.sum()
    found = later.nonzero()[0]
    expected = fit_shrinkage(
        model.forest.predict(rows.inputs[found]), (rows.target / rows.sigma)[found], rows.date[found]
    )
    assert model.shrinkage == expected


def test_the_same_seed_gives_the_same_forest_on_any_number_of_threads(invent):
    histories = invent(400)
    until, _ = split_day(histories, 0.9)
    inputs = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    first, again, other = (
        fit_model(histories, until, ForestSettings(seed=seed, trees=10)).forest.predict(inputs)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_saved_forest_predicts_on_one_thread(invent, small_forest):
    histories = invent(300)
    until, _ = split_day(histories, 0.9)
    assert fit_model(histories, until, small_forest).forest.n_jobs == 1


def test_pairs_that_move_together_do_not_multiply_the_evidence():
    rng = np.random.default_rng(3)
    signal, days = rng.normal(size=400), np.arange(400).astype("datetime64[D]")
    actual = 0.1 * signal + rng.normal(size=400)
    alone = fit_shrinkage(signal, actual, days)
    twenty_times = fit_shrinkage(np.tile(signal, 20), np.tile(actual, 20), np.tile(days, 20))
    assert twenty_times.t_statistic == pytest.approx(alone.t_statistic)


def test_the_t_statistic_is_the_textbook_one_when_days_are_independent():
    rng = np.random.default_rng(4)
    x = rng.normal(size=5000)
    y = 0.05 * x + rng.normal(size=5000)
    slope = (x @ y) / (x @ x)
    textbook = slope / np.sqrt(((y - slope * x) ** 2).mean() / (x @ x))
    found = fit_shrinkage(x, y, np.arange(5000).astype("datetime64[D]"))
    assert found.t_statistic == pytest.approx(textbook, rel=0.1)


@pytest.mark.parametrize(("slope", "expected"), [(-0.5, 0.0), (2.0, 1.0)])
def test_lambda_stays_between_0_and_1(slope, expected):
    rng = np.random.default_rng(5)
    x = rng.normal(size=1000)
    y = slope * x + 0.1 * rng.normal(size=1000)
    assert fit_shrinkage(x, y, np.arange(1000).astype("datetime64[D]")).lambda_ == expected


def test_a_few_days_or_a_constant_zero_are_no_evidence():
    x = np.linspace(1, 2, 20)
    assert fit_shrinkage(x, x, np.arange(20).astype("datetime64[D]")).lambda_ == 0
    zero = np.zeros(100)
    assert fit_shrinkage(zero, zero, np.arange(100).astype("datetime64[D]")).t_statistic == 0


def test_ranges_come_from_days_the_forest_was_not_trained_on_if_it_moves_the_forecast(invent, small_forest):
    histories = invent(1200, phi=0.3)  # invented: AR(1), so that lambda is not 0
    until, _ = split_day(histories, 0.9)
    model = fit_model(histories, until, small_forest, (61,))
    assert model.shrinkage.lambda_ > 0
    rows = build_rows([history.until(until) for history in histories], model.sigmas)
    early, later = rows.where(rows.date <= model.split), rows.where(rows.date > model.split)
    unseen = grow_centre(early, small_forest).predict(later.inputs)
    scores = np.abs(later.target / later.sigma - model.shrinkage.lambda_ * unseen)  # 95: scaled by sigma
    assert model.quantiles["95"][61] == pytest.approx(conformal_quantile(scores, 0.95), rel=1e-9)
