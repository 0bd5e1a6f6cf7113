"""Compares ways to forecast ranges on the same past days, each time by a model that knew only the days before."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import UsageError
from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS, half_widths
from ratecast.stages import OnStage, silent
from training import garch, pooling
from training.backtest_scores import RangeScores, days_of, losses, range_scores
from training.baselines import BASELINES, REFERENCE, baseline_half_widths
from training.dataset import Rows, build_rows, pair_sigmas
from training.estimator_trial import try_estimators
from training.evaluate import WALK_FORWARD_TREES
from training.fit import MIN_FIT_ROWS, fit_model, learnable_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.chosen_estimators import ChosenEstimator
    from training.dataset import PairHistory
    from training.forests import ForestSettings

PRODUCT = "ratecast"
FIRST_YEAR = 2015


@dataclass(frozen=True)
class Fold:
    """A model's last day of training, and the days on which it is tested.

    Attributes:
        until: last day of training.
        first: first day that may be tested.
        last: last day that may be tested.
    """

    until: np.datetime64
    first: np.datetime64
    last: np.datetime64


@dataclass(frozen=True)
class MethodScores:
    """Result of one method.

    Attributes:
        name: name of the method, or of the estimator.
        levels: level ("80", "95") -> scores of its ranges.
        seconds: time to fit all its models and to forecast.
        exponents: for the forest and estimators, the exponent of the factors in each fold: 0 where the gate left them
            unused. None for other methods.
    """

    name: str
    levels: dict[str, RangeScores]
    seconds: float
    exponents: tuple[float, ...] | None


@dataclass(frozen=True)
class Backtest:
    """Results of all methods on the same rates."""

    folds: tuple[Fold, ...]
    n: int  # rates forecast
    pairs: int
    first_day: str
    last_day: str
    in_regime: dict[str, int]  # regime -> number of its rates
    methods: tuple[MethodScores, ...]


@dataclass(frozen=True)
class _Forecast:
    step: NDArray[np.float64]
    half: NDArray[np.float64]
    exponent: float | None = None


def yearly_folds(histories: Sequence[PairHistory], first_year: int = FIRST_YEAR) -> tuple[Fold, ...]:
    """Returns a fold for each year from ``first_year`` on that has enough rates before it.

    Raises:
        UsageError: there is no such year.
    """
    newest = max(history.stretches[-1].dates[-1] for history in histories).astype(object).year
    folds = [
        Fold(
            np.datetime64(f"{year - 1}-12-31"), np.datetime64(f"{year}-01-01"), np.datetime64(f"{year}-12-31")
        )
        for year in range(first_year, newest + 1)
    ]
    enough = tuple(fold for fold in folds if learnable_rows(histories, fold.until) >= MIN_FIT_ROWS)
    if not enough:
        raise UsageError(
            f"no year from {first_year} to {newest} has {MIN_FIT_ROWS} rates to train on before it: "
            "use --split with a day in the middle of the rates"
        )
    return enough


def split_fold(histories: Sequence[PairHistory], until: np.datetime64) -> tuple[Fold, ...]:
    """Returns the one fold that trains up to a day and tests on all days after it.

    Raises:
        UsageError: too few rates are before that day, or none is after it.
    """
    newest = max(history.stretches[-1].dates[-1] for history in histories)
    if (found := learnable_rows(histories, until)) < MIN_FIT_ROWS:
        raise UsageError(f"--split: {found} rows up to {until} are too few, {MIN_FIT_ROWS} are needed")
    if newest <= until:
        raise UsageError(f"--split: there are no rates after {until} to test on, the newest are of {newest}")
    return (Fold(until, until + np.timedelta64(1, "D"), newest),)


def backtest(
    histories: Sequence[PairHistory],
    folds: Sequence[Fold],
    settings: ForestSettings,
    estimators: Sequence[ChosenEstimator] = (),
    progress: OnStage = silent,
    clock: Callable[[], float] = time.perf_counter,
) -> Backtest:
    """Returns the scores of the product, of each estimator in its place, and of the baselines.

    Args:
        histories: the pairs.
        folds: when to train and what to test.
        settings: settings of the forests.
        estimators: estimators of the ranges' width; each is tried on a sample first.
        progress: called before each piece of work.
        clock: seconds.

    Raises:
        UsageError: an estimator cannot be used, or there is nothing to test.
    """
    settings = replace(settings, trees=min(settings.trees, WALK_FORWARD_TREES))
    variants = {PRODUCT: settings} | {
        chosen.name: replace(settings, range_estimator=chosen) for chosen in estimators
    }
    baselines = (*BASELINES, garch.NAME) if garch.is_installed() else tuple(BASELINES)
    names = (*variants, *baselines)
    forecasts: dict[str, list[_Forecast]] = {name: [] for name in names}
    seconds = dict.fromkeys(names, 0.0)
    tested: list[Rows] = []
    for number, fold in enumerate(folds):
        training, test = _rows(histories, fold)
        if not number:
            for variant in variants.values():
                try_estimators(variant, training)
        if not len(test):
            continue
        tested.append(test)
        for position, name in enumerate(names):
            progress(
                f"{name}: trained up to {fold.until}", number * len(names) + position, len(folds) * len(names)
            )
            began = clock()
            if name in variants:
                found = _model(histories, fold, variants[name], test)
            elif name == garch.NAME:
                half = garch.garch_half_widths(histories, fold.until, test)
                found = _Forecast(np.zeros(len(test)), half)
            else:
                found = _Forecast(np.zeros(len(test)), baseline_half_widths(name, training, test))
            seconds[name] += clock() - began
            forecasts[name].append(found)
    if not tested:
        raise UsageError(
            f"no pair has {WINDOW} rates without a gap before a day to test, so there is nothing to test"
        )
    progress("done", len(folds) * len(names), len(folds) * len(names))
    return _scored(folds, tested, forecasts, seconds)


def _rows(histories: Sequence[PairHistory], fold: Fold) -> tuple[Rows, Rows]:
    """Returns the rows that the common figures are fitted to, and the rows to test."""
    known = [history.until(fold.until) for history in histories]
    sigmas = pair_sigmas(known)
    training = build_rows(known, sigmas)
    apart = list(pooling.not_pooled(training, len(known), MIN_FIT_ROWS))
    training = training.where(~np.isin(training.pair, apart))
    return training, build_rows(histories, sigmas, fold.first, fold.last)


def _model(histories: Sequence[PairHistory], fold: Fold, settings: ForestSettings, test: Rows) -> _Forecast:
    """Fits the product, with the forest or an estimator, and forecasts the rows to test."""
    model = fit_model(histories, fold.until, settings, (WINDOW,), refit=False)
    quantiles = np.array([model.quantiles[level][WINDOW] for level in LEVELS])
    return _Forecast(
        model.step(test), half_widths(quantiles, model.scales(test)), model.range_factor.exponent
    )


def _scored(
    folds: Sequence[Fold],
    tested: Sequence[Rows],
    forecasts: dict[str, list[_Forecast]],
    seconds: dict[str, float],
) -> Backtest:
    days = days_of(tested)
    joined = {
        name: (np.concatenate([f.step for f in found]), np.concatenate([f.half for f in found]))
        for name, found in forecasts.items()
    }
    reference = losses(days, *joined[REFERENCE])
    methods = []
    for name, (step, half) in joined.items():
        exponents = tuple(f.exponent for f in forecasts[name] if f.exponent is not None)
        scores = range_scores(days, step, half, reference)
        methods.append(MethodScores(name, scores, seconds[name], exponents or None))
    return Backtest(
        folds=tuple(folds),
        n=len(days.target),
        pairs=len(np.unique(np.concatenate([rows.pair for rows in tested]))),
        first_day=str(days.date.min()),
        last_day=str(days.date.max()),
        in_regime={name: int(rows.sum()) for name, rows in days.regimes.items()},
        methods=tuple(methods),
    )
