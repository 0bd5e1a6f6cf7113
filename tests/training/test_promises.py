"""What the ranges promise, measured on the ECB's rates: trained to the end of 2020, tested from 2021 to the newest rate.

Forecasts are those of a worker. They are compared with the recipe before the range forest, which `tests.old_recipe` keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from ratecast.model.accuracy_measures import winkler_score
from ratecast.model.features import ewma_volatility
from ratecast.model.forecast import Forecaster
from ratecast.model.ranges import half_widths
from ratecast.optional_fields import HORIZONS, QUANTILES, OptionalFields
from ratecast.rates.tables import load_ecb
from tests import bundles
from tests.old_recipe import old_scales
from training.build_stats import pair_stats
from training.collect import collect
from training.conformal import conformal_quantile
from training.dataset import pair_sigmas
from training.fit import fit_model
from training.forests import ForestSettings
from training.train_options import TrainOptions

if TYPE_CHECKING:
    from ratecast.model.optional_forecasts import OptionalForecasts

EVE = np.datetime64("2020-12-31")
SHORT = (3, 5, 11, 20)
CLAIMED = np.array([0.8, 0.95])


@dataclass(frozen=True)
class Outcome:
    """Histories of one length and what came next, in log returns; a row for each forecast."""

    pair: np.ndarray
    returns: np.ndarray  # (n, 60) before the forecast, of which a history has the newest
    stored: np.ndarray
    actual: np.ndarray
    half: np.ndarray  # (n, 2), columns LEVELS
    old: np.ndarray  # (n, 2), half widths of the recipe before the range forest
    last: np.ndarray  # (n,), newest rate of each history
    later: np.ndarray  # (n, 4), rates so many HORIZONS ahead, NaN beyond the newest rate
    optional: OptionalForecasts

    def inside(self, mask: np.ndarray | slice = slice(None)) -> np.ndarray:
        return (np.abs(self.actual)[mask, None] <= self.half[mask]).mean(axis=0)

    def winkler_ratios(self) -> list[float]:
        size = self.actual / self.stored
        new, old = (half / self.stored[:, None] for half in (self.half, self.old))
        return [
            winkler_score(size, new[:, c], level) / winkler_score(size, old[:, c], level)
            for c, level in enumerate(CLAIMED)
        ]


def all_windows(histories):
    """Position of the pair, 61 rates, next return, its day and later rates, for every rate with 61 rates before it."""
    parts = []
    for position, history in enumerate(histories):
        for stretch in history.stretches:
            rates = sliding_window_view(stretch.rates, 61)[:-1]
            actual = np.diff(np.log(stretch.rates))[60:]
            padded = np.concatenate((stretch.rates, np.full(max(HORIZONS), np.nan)))
            later = [padded[60 + steps : 60 + steps + len(rates)] for steps in HORIZONS]
            columns = (rates, actual, stretch.dates[61:], np.column_stack(later))
            parts.append((np.full(len(rates), position), *columns))
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


@pytest.fixture(scope="module")
def tested():
    """Forecasts of each tested length."""
    options = TrainOptions(models_dir=Path())
    histories, _ = collect(options, load_ecb())
    known = [history.until(EVE) for history in histories]
    model = fit_model(histories, EVE, ForestSettings(trees=25), refit=False)
    assert model.shrinkage.lambda_ == 0
    assert model.range_factor.exponent > 0
    sigmas = pair_sigmas(known)
    stats = bundles.training_stats().model_copy(
        update={
            "shrinkage": model.shrinkage,
            "range_factor": model.range_factor,
            "intervals": model.quantiles,
            "horizons": model.further.horizons,
            "central_ranges": model.further.central,
            "pairs": {
                history.pair: pair_stats(history, sigma, 1)
                for history, sigma in zip(known, sigmas.tolist(), strict=True)
            },
        }
    )
    worker = Forecaster(stats, model.range_forest, optional=OptionalFields(HORIZONS, QUANTILES))
    pairs, rates, actual, dates, later = all_windows(histories)
    returns, before, stored = np.diff(np.log(rates), axis=1), dates <= EVE, sigmas[pairs]
    found = {}
    for length in (*SHORT, 21, 61):
        held = returns.copy()
        held[:, : 61 - length] = np.nan
        scales = old_scales(held, stored)
        scores = np.abs(actual)[before, None] / scales[before]
        quantiles = np.array([conformal_quantile(scores[:, c], level) for c, level in enumerate(CLAIMED)])
        after = worker.forecast(worker.windows(rates[~before, -length:].tolist(), pairs[~before]))
        found[length] = Outcome(
            pair=pairs[~before],
            returns=returns[~before],
            stored=stored[~before],
            actual=actual[~before],
            half=np.log(after.upper / after.prediction[:, None]),
            old=half_widths(quantiles, scales[~before]),
            last=rates[~before, -1],
            later=later[~before],
            optional=after.optional,
        )
    return found


def off(share):
    """Distance from the claimed coverage in percentage points, columns LEVELS."""
    return 100 * np.abs(share - CLAIMED)


def after_a_shock(tested):
    """Whether the newest return was beyond three of the volatilities before it."""
    before = ewma_volatility(tested.returns[:, :-1], tested.stored, tested.stored)
    return np.abs(tested.returns[:, -1]) > 3 * before


def terciles(tested):
    """Calm, middle and wild days: terciles of each pair's volatility over the 20 days before, found afterwards."""
    volatility = np.sqrt((tested.returns[:, -20:] ** 2).mean(axis=1))
    group = np.empty(len(volatility), dtype=int)
    for pair in np.unique(tested.pair):
        rows = tested.pair == pair
        group[rows] = np.searchsorted(np.quantile(volatility[rows], [1 / 3, 2 / 3]), volatility[rows])
    return [group == number for number in range(3)]


def test_ranges_are_sharper_than_without_the_forest(tested):
    assert len(tested[61].actual) >= 29_880
    narrow, wide = tested[61].winkler_ratios()  # .9947 and .9877 to 2026-10-30
    assert narrow <= 0.996
    assert wide <= 0.990


def test_the_coverage_of_every_pair_is_within_a_point_and_a_half(tested):
    by_pair = {pair: off(tested[61].inside(tested[61].pair == pair)) for pair in np.unique(tested[61].pair)}
    assert len(by_pair) == 20
    assert {pair: points for pair, points in by_pair.items() if (points > 1.5).any()} == {}


def test_after_a_move_of_three_sigma_the_coverage_is_within_two_and_a_half_points(tested):
    """The recipe before it covered 72.0 and 91.7 % there.

    It holds for 61 rates. With 21 rates coverage is 82.8 and 94.4 %, with 20 rates, which the forest does not
    serve, 73.7 and 92.7 %.
    """
    shocks = after_a_shock(tested[61])
    assert shocks.sum() > 350
    assert (off(tested[61].inside(shocks)) <= 2.5).all()  # 81.1 and 93.7 %
    before = (np.abs(tested[61].actual)[shocks, None] <= tested[61].old[shocks]).mean(axis=0)
    assert before[0] < 0.75


def test_calm_middle_and_wild_days_are_covered_within_three_points(tested):
    """80 % ranges held 77.3, 80.3 and 82.7 %: hardly better than before the forest, 76.8, 80.4 and 82.9 %.

    It holds for 61 rates. With 21 rates it does not: 75.0, 80.4 and 84.6 %.
    """
    for days in terciles(tested[61]):
        assert (off(tested[61].inside(days)) <= 3.0).all()


@pytest.mark.parametrize("length", SHORT)
def test_short_histories_are_covered_within_three_and_a_half_points_over_all_pairs(tested, length):
    """The sigmas are those of 2020 for all years: a bundle that is never trained again.

    Single pairs are further off: 75.0 to 90.8 % with 3 rates, 78.1 to 85.0 % with 20.
    """
    assert (off(tested[length].inside()) <= 3.5).all()


@pytest.mark.parametrize(("length", "most"), [(3, (0.98, 0.965)), (5, (0.98, 0.96)), (11, (0.988, 0.97))])
def test_short_histories_have_sharper_ranges_than_with_the_stored_sigma(tested, length, most):
    assert (np.array(tested[length].winkler_ratios()) <= most).all()


@pytest.mark.parametrize("length", [*SHORT, 21, 61])
def test_ranges_are_finite_and_nested(tested, length):
    half = tested[length].half
    assert np.isfinite(half).all()
    assert (half > 0).all()
    assert (half[:, 0] <= half[:, 1]).all()


def held_in(tested, steps, rows=slice(None)):
    """Share of the rates so many steps ahead inside the ranges, columns LEVELS, and the number of these rates."""
    column = HORIZONS.index(steps)
    rate = tested.later[rows, column]
    known = ~np.isnan(rate)
    bounds = (side[rows][known, column] for side in (tested.optional.lower, tested.optional.upper))
    lower, upper = bounds
    return ((lower <= rate[known, None]) & (rate[known, None] <= upper)).mean(axis=0), int(known.sum())


@pytest.mark.parametrize("steps", HORIZONS)
def test_ranges_for_several_steps_are_covered_within_two_and_a_half_points_over_all_pairs(tested, steps):
    """80 and 95 % ranges held 80.3 and 95.1 % (2 steps), 80.8 and 95.2 (5), 80.8 and 95.2 (10), 81.0 and 95.7 (21).

    Single pairs are further off, the more steps the further: EUR/TRY, which drifts, has 80 and 94 % at 2 steps, 78 and
    92 at 5, 74 and 91 at 10, 65 and 88 at 21; EUR/ZAR has 90 and 99 at 21.
    """
    share, count = held_in(tested[61], steps)
    assert count >= 29_880 - 20 * (steps - 1)
    assert (off(share) <= 2.5).all()


def test_two_steps_ahead_every_pair_is_covered_within_two_points(tested):
    for pair in np.unique(tested[61].pair):
        assert (off(held_in(tested[61], 2, tested[61].pair == pair)[0]) <= 2.0).all()


@pytest.mark.parametrize("length", SHORT)
def test_short_histories_cover_several_steps_within_four_and_a_half_points_over_all_pairs(tested, length):
    for steps in (2, 5, 10):
        assert (off(held_in(tested[length], steps)[0]) <= 4.5).all()


def test_so_many_next_rates_are_below_each_quantile_within_a_point_and_a_half(tested):
    """The furthest off are 25 and 50 %, by 0.4 points."""
    following = tested[61].last * np.exp(tested[61].actual)
    below = 100 * (following[:, None] < tested[61].optional.quantiles).mean(axis=0)
    assert np.abs(below - np.array(QUANTILES, dtype=float)).max() <= 1.5


@pytest.mark.parametrize("length", [*SHORT, 21, 61])
def test_optional_fields_are_finite_positive_and_nested(tested, length):
    found = tested[length].optional
    widths = np.log(found.upper / found.lower)
    assert np.isfinite(widths).all()
    assert (found.lower > 0).all()
    assert (widths[..., 0] <= widths[..., 1]).all()
    assert (np.diff(widths, axis=1) >= 0).all()
    assert (np.diff(found.quantiles, axis=1) >= 0).all()
