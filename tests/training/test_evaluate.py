"""Metrics compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.coverage_interval import coverage_interval, wilson_interval
from training.diebold_mariano import diebold_mariano, newey_west_variance
from training.evaluate import (
    Outcomes,
    direction,
    measure,
    walk_forward,
    walk_forward_years,
)
from training.fit import fit_model


def outcomes(actual, step, half, dates=None, forest=None):
    n = len(actual)
    dates = np.arange(n) if dates is None else np.array(dates)
    step = np.array(step, dtype=float)
    return Outcomes(
        pair=np.zeros(n, dtype=np.intp),
        date=dates.astype("datetime64[D]"),
        last=np.ones(n),
        scale=np.ones(n),
        actual=np.array(actual, dtype=float),
        step=step,
        forest=step if forest is None else np.array(forest, dtype=float),
        half=np.tile(np.array(half, dtype=float), (n, 1)),
        constant=np.ones((n, 2)),
        base=np.full((n, 2), 2.0),
        volatility=np.ones(n),
        shock=np.zeros(n, dtype=bool),
    )


def test_newey_west_by_hand():
    series = np.array([2.0, 0.0, 2.0, 0.0, 2.0])
    # centred .8 -1.2 .8 -1.2 .8: gamma 0.96, -0.768, 0.544
    assert newey_west_variance(series, 0) == pytest.approx(0.96)
    assert newey_west_variance(series, 2) == pytest.approx(0.96 - 2 * 2 / 3 * 0.768 + 2 / 3 * 0.544)


def test_diebold_mariano_by_hand():
    found = diebold_mariano(np.array([2.0, 0.0, 2.0, 0.0, 2.0]))  # the usual lag for 5 values is 2
    statistic = 1.2 / np.sqrt(0.2986667 / 5) * np.sqrt(4 / 5)
    assert found.statistic == pytest.approx(statistic, rel=1e-6)
    square = 1 + statistic**2 / 4  # Student's t with 4 degrees of freedom has a closed form
    tail = 1 / 2 - 3 / 8 * statistic / np.sqrt(square) * (1 - statistic**2 / (12 * square))
    assert found.p_value == pytest.approx(tail, rel=1e-6)


def test_diebold_mariano_takes_the_side_of_the_smaller_loss():
    advantage = np.random.default_rng(0).normal(0.1, 1, 1000)
    better, worse = diebold_mariano(advantage), diebold_mariano(-advantage)
    assert better.p_value < 0.05
    assert worse.p_value == pytest.approx(1 - better.p_value)


def test_diebold_mariano_holds_its_size():
    rng = np.random.default_rng(1)
    p_values = [diebold_mariano(rng.normal(size=200)).p_value for _ in range(1000)]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("advantage", [np.zeros(10), np.ones(1), np.zeros(0)])
def test_diebold_mariano_has_no_result_where_nothing_differs(advantage):
    assert diebold_mariano(advantage) is None


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(5, 10, 0.2366, 0.7634), (0, 10, 0.0, 0.2775), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_intervals_are_the_published_ones(hits, n, low, high):
    # 81 of 263: Newcombe, Statistics in Medicine, 1998, table I
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_direction_counts_moves_only_and_has_the_share_of_the_commoner_sign():
    found = direction(np.array([1.0, 1, 1, -1, 1]), np.array([1.0, 2, -1, -1, 0]), 100)
    assert found.correct == 0.75
    assert found.majority == 0.5
    assert (found.low, found.high) == pytest.approx(wilson_interval(3, 4), abs=1e-4)
    assert direction(np.zeros(3), np.ones(3), 3) is None


def test_metrics_by_hand():
    found = measure(outcomes([1, -1, 2, -2], [0.5, 0, 1, 0], [0.75, 1.5]))
    # errors .5 1 1 2 against 1 1 2 2
    assert found.n == 4
    assert found.mae_ratio == pytest.approx(4.5 / 6)
    assert found.mse_skill == pytest.approx(1 - 6.25 / 10)
    assert found.coverage == {"80": 0.25, "95": 0.75}
    assert found.winkler["95"] == pytest.approx((4 * 3 + 40 * 0.5) / 4)
    assert found.winkler_ratio["95"] == pytest.approx(8.0 / ((4 * 2 + 40 * 2) / 4))


def test_the_width_is_the_median_distance_of_a_bound_in_rates():
    found = measure(outcomes([0, 0, 0], [0, 0, 0], np.log([1.01, 1.02])))
    assert found.width == pytest.approx({"80": 0.01, "95": 0.02})


def test_coverage_of_independent_forecasts_has_wilson_s_interval():
    inside = np.random.default_rng(3).random(4000) < 0.8
    found = coverage_interval(inside, np.arange(4000).astype("datetime64[D]"))
    assert found == pytest.approx(wilson_interval(inside.sum(), 4000), abs=0.003)


def test_pairs_that_move_together_make_coverage_no_more_exact():
    days = np.arange(500).astype("datetime64[D]")
    inside = np.random.default_rng(4).random(500) < 0.95
    alone = coverage_interval(inside, days)
    assert coverage_interval(np.tile(inside, 20), np.tile(days, 20)) == pytest.approx(alone, abs=0.002)


def test_coverage_intervals_hold_the_truth_as_often_as_they_claim():
    """Three pairs with one breach in common, in runs of two days."""
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(400), 3).astype("datetime64[D]")
    held = 0
    for _ in range(400):
        common = np.repeat(rng.random(200) < 0.1, 2)[:, None] & (rng.random((400, 3)) < 0.8)
        low, high = coverage_interval(~common.ravel(), days)
        held += low <= 0.92 <= high
    assert 0.90 <= held / 400 <= 0.99


@pytest.mark.parametrize(("inside", "low", "high"), [(True, 0.72, 1.0), (False, 0.0, 0.28)])
def test_coverage_without_a_breach_or_without_a_hit_is_as_exact_as_its_days_are_many(inside, low, high):
    found = coverage_interval(np.full(30, inside), np.repeat(np.arange(10), 3).astype("datetime64[D]"))
    assert found == pytest.approx((low, high), abs=0.005)


def test_pooled_pairs_count_as_one_loss_a_day():
    rng = np.random.default_rng(2)
    actual, step = rng.normal(size=300), rng.normal(0, 0.1, 300)
    alone = measure(outcomes(actual, step, [1, 2]))
    thrice = measure(outcomes(np.tile(actual, 3), np.tile(step, 3), [1, 2], dates=np.tile(np.arange(300), 3)))
    assert thrice.diebold_mariano.statistic == pytest.approx(alone.diebold_mariano.statistic)
    assert (thrice.direction.low, thrice.direction.high) == (alone.direction.low, alone.direction.high)


def test_a_rate_that_stands_still_has_ratio_one():
    found = measure(outcomes([0, 0, 0], [0, 0, 0], [1, 2]))
    assert (found.mae_ratio, found.mse_skill, found.direction) == (1.0, 0.0, None)


def test_walk_forward_years_have_rows_before_them(invent):
    histories = invent(600)[:1]  # 2018-01-01 to 2020-04
    assert walk_forward_years(histories, 2020) == [2019, 2020]
    assert walk_forward_years(invent(250)[:1], 2018) == []


def test_a_walk_forward_year_is_forecast_by_a_model_of_the_years_before(invent, small_forest):
    histories = invent(700)
    found = walk_forward(histories, small_forest, 2019)
    assert str(found.date.min()) == "2019-01-01"
    assert str(found.date.max()) == "2019-12-31"
    model = fit_model(histories, np.datetime64("2018-12-31"), small_forest, (61,), refit=False)
    assert (found.scale == model.sigmas[found.pair]).all()
