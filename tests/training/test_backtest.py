"""A backtest knows only the days before those that it tests, and scores every method on the same rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from ratecast.errors import UsageError
from ratecast.model.accuracy_measures import winkler_score
from ratecast.rates.tables import Series
from tests.old_recipe import old_scales
from tests.training.test_range_gate import DAYS, invented, nervous_after_a_shock
from training import garch
from training.backtest import PRODUCT, backtest, split_fold, yearly_folds
from training.baselines import BASELINES, REFERENCE, baseline_half_widths
from training.chosen_estimators import WIDTH, choose
from training.conformal import conformal_quantile
from training.dataset import build_rows, pair_sigmas
from training.forests import ForestSettings

EXAMPLE = "examples.ridge_on_squares:make"
SMALL = ForestSettings(trees=3, range_trees=5)
COUNT = 1500


@pytest.fixture(scope="module")
def histories():
    return invented(3, COUNT, nervous_after_a_shock)


@pytest.fixture(scope="module")
def result(histories):
    ticks = iter(range(10_000))
    reported = []
    found = backtest(
        histories,
        split_fold(histories, DAYS[1099]),
        SMALL,
        [choose(WIDTH, EXAMPLE)],
        lambda *stage: reported.append(stage),
        lambda: float(next(ticks)),
    )
    return found, reported


def by_name(found):
    return {method.name: method for method in found.methods}


def test_every_method_is_scored_on_the_same_rates(result):
    found, _ = result
    names = [PRODUCT, EXAMPLE, *BASELINES, *([garch.NAME] if garch.is_installed() else [])]
    assert [method.name for method in found.methods] == names
    assert (found.n, found.pairs) == (3 * 400, 3)
    assert (found.first_day, found.last_day) == (str(DAYS[1100]), str(DAYS[COUNT - 1]))
    assert found.in_regime["calm"] == found.in_regime["middle"] == found.in_regime["wild"] == 400
    assert 5 < found.in_regime["after_shock"] < 100
    assert {method.seconds for method in found.methods} == {1.0}


def test_the_reference_has_ratio_1_and_no_t(result):
    for scores in by_name(result[0])[REFERENCE].levels.values():
        assert (scores.ratio, scores.t_statistic) == (1.0, None)


def test_models_that_forecast_the_width_are_better_and_a_constant_width_is_worse_after_shocks(result):
    methods = by_name(result[0])
    for name in (PRODUCT, EXAMPLE):
        assert methods[name].exponents[0] > 0
        assert methods[name].levels["95"].ratio < 0.98
        assert methods[name].levels["95"].t_statistic > 3
    constant = methods["constant width"].levels["80"]
    assert constant.by_regime["after_shock"] < constant.coverage - 0.1
    assert methods["constant width"].exponents is None


def test_progress_names_each_method_and_never_goes_back(result):
    _, reported = result
    assert [stage.split(":")[0] for stage, _, _ in reported[:1]] == [PRODUCT]
    shares = [done / total for _, done, total in reported]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_rates_after_a_fold_change_nothing(histories):
    """The later days of the second set are wild; the forecasts of the days before are the same."""
    later = []
    for history in histories:
        (stretch,) = history.stretches
        returns = np.diff(np.log(stretch.rates), prepend=0)
        returns[1200:] *= 3
        later.append(
            replace(history, stretches=(Series(history.pair, stretch.dates, np.exp(np.cumsum(returns))),))
        )
    (fold,) = split_fold(histories, DAYS[1099])
    fold = replace(fold, last=DAYS[1199])
    one, two = (backtest(known, [fold], SMALL).methods for known in (histories, later))
    for before, after in zip(one, two, strict=True):
        assert before.levels["95"].winkler == pytest.approx(after.levels["95"].winkler, rel=1e-6)


def test_volatility_alone_is_the_recipe_before_the_forest(histories):
    sigmas = pair_sigmas(histories)
    rows = build_rows(histories, sigmas)
    returns = np.concatenate(
        [sliding_window_view(np.diff(np.log(h.stretches[0].rates)), 60)[:-1] for h in histories]
    )
    np.testing.assert_allclose(BASELINES[REFERENCE](rows), old_scales(returns, rows.stored), rtol=1e-4)


def test_a_constant_width_is_a_quantile_of_the_past_for_every_day(histories):
    rows = build_rows(histories, pair_sigmas(histories))
    early, later = rows.where(rows.date <= DAYS[1099]), rows.where(rows.date > DAYS[1099])
    half = baseline_half_widths("constant width", early, later)
    expected = conformal_quantile(np.abs(early.target) / early.stored, 0.95)
    np.testing.assert_allclose(half[:, 1] / later.stored, expected)


def test_scores_are_means_over_all_rows(histories, result):
    rows = build_rows(histories, pair_sigmas([h.until(DAYS[1099]) for h in histories]))
    early, later = rows.where(rows.date <= DAYS[1099]), rows.where(rows.date > DAYS[1099])
    half = baseline_half_widths("EWMA 0.94", early, later)
    found = by_name(result[0])["EWMA 0.94"].levels["80"]
    size = later.target / later.stored
    assert found.winkler == pytest.approx(winkler_score(size, half[:, 0] / later.stored, 0.8))
    assert found.coverage == pytest.approx(np.mean(np.abs(later.target) <= half[:, 0]))


def test_the_years_are_those_with_enough_rates_before_them(histories):
    folds = yearly_folds(histories, 1990)
    assert [str(fold.until) for fold in folds] == ["2000-12-31", "2001-12-31", "2002-12-31", "2003-12-31"]
    assert [str(fold.last) for fold in yearly_folds(histories, 2003)] == ["2003-12-31", "2004-12-31"]
    with pytest.raises(UsageError, match="no year from 2015 to 2004 has 150 rates to train on before it"):
        yearly_folds(histories)


@pytest.mark.parametrize(
    ("day", "fault"),
    [
        (DAYS[90], "--split: 90 rows up to .* are too few, 150 are needed"),
        (DAYS[-1], "no rates after 2019-12-31"),
    ],
)
def test_a_split_without_rates_on_one_side_is_refused(histories, day, fault):
    with pytest.raises(UsageError, match=fault):
        split_fold(histories, day)
