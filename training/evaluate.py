"""Measures how good forecasts are, compared with the last rate and on days after those of the fit.

Errors are log returns in units of the pair's sigma, so that all pairs have the same weight. In rates, EUR/KRW alone
would decide the result.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.accuracy_measures import coverage, error_ratio, winkler_score
from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS, half_widths
from training.coverage_interval import HeldShare, coverage_interval, wilson_interval
from training.dataset import build_rows
from training.diebold_mariano import DieboldMariano, diebold_mariano
from training.fit import MIN_FIT_ROWS, FittedModel, fit_model, learnable_rows
from training.regimes import after_shock

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from training.dataset import PairHistory
    from training.forests import ForestSettings
    from training.further_results import FurtherResults

WALK_FORWARD_YEARS = 10
WALK_FORWARD_TREES = 25  # a quarter of the trees gives the same figures for a year
# With 20 the Winkler scores of two years were 0.03 to 0.15 % better, in up to twice the time.
WALK_FORWARD_RANGE_TREES = 10


@dataclass(frozen=True)
class Outcomes:
    """Forecasts and actual returns as parallel arrays; returns and widths are in units of the pair's sigma."""

    pair: NDArray[np.intp]  # (n,)
    date: NDArray[np.datetime64]  # (n,), day of the forecast rate
    last: NDArray[np.float64]  # (n,), the rate before the forecast one
    scale: NDArray[np.float64]  # (n,), sigma of the pair
    actual: NDArray[np.float64]  # (n,), actual return
    step: NDArray[np.float64]  # (n,), forecast return
    forest: NDArray[np.float64]  # (n,), return forecast by the forest alone
    half: NDArray[np.float64]  # (n, 2), half width of the ranges, columns LEVELS
    constant: NDArray[np.float64]  # (n, 2), half width of ranges that are equally wide on every day
    base: NDArray[np.float64]  # (n, 2), half width of ranges without the range forest
    volatility: NDArray[np.float64]  # (n,), EWMA volatility known before the forecast rate
    shock: NDArray[np.bool_]  # (n,), whether the newest return was one (`training.regimes`)

    def where(self, mask: NDArray[np.bool_]) -> Outcomes:
        """Returns the outcomes under a mask."""
        return Outcomes(*(getattr(self, field.name)[mask] for field in fields(self)))


@dataclass(frozen=True)
class Direction:
    """How often the forest predicted the right sign, and the share of the commoner sign to compare with."""

    correct: float
    low: float
    high: float
    majority: float


@dataclass(frozen=True)
class Metrics:
    """Metrics of a set of outcomes; dicts are by level."""

    n: int
    mae_ratio: float  # mean |error| over the last rate's; below 1 is better than the last rate
    mse_skill: float  # 1 - MSE / the last rate's; above 0 is better
    diebold_mariano: DieboldMariano | None  # on absolute errors; None when the forecast is the last rate
    forest_mae_ratio: float  # of the forest alone, without lambda
    direction: Direction | None  # of the forest alone; None if no rate moved
    coverage: dict[str, float]
    coverage_interval: dict[str, tuple[float, float]]  # 95 % confidence interval of the coverage
    width: dict[str, float]  # median distance of a bound from the forecast, as a share of the forecast
    winkler: dict[str, float]  # mean interval score, in sigma; smaller is better
    # Divided by the score of a range of constant width; None if that score is 0, as for a peg.
    winkler_ratio: dict[str, float | None]
    # Divided by the score of ranges without the range forest; below 1 the forest makes the ranges better.
    winkler_base_ratio: dict[str, float | None]


@dataclass(frozen=True)
class Evaluation:
    """Metrics on the test days and by year of the walk-forward."""

    fitted_until: str  # last day used for the forest that lambda was fitted with
    validated_until: str  # last day used for lambda and the ranges
    tested_until: str
    lambda_: float  # of the model under test
    exponent: float  # of its range forest
    test: Metrics
    pairs: dict[str, Metrics]  # on the test days
    walk_forward: Metrics | None
    years: dict[int, Metrics]
    outcomes: Outcomes  # of the test days, for figures
    further: FurtherResults | None = None  # of the optional fields, on the test days
    reliability: tuple[HeldShare, ...] = ()  # on the test days, if known


def direction(
    predicted: NDArray[np.float64], actual: NDArray[np.float64], n_effective: int
) -> Direction | None:
    """Returns the share of moves with a correctly predicted sign, its Wilson interval, and the commoner sign's share.

    Args:
        predicted: predicted returns, ``(n,)``.
        actual: actual returns, ``(n,)``; days without a move do not count.
        n_effective: number of independent observations for the interval. Pairs of one day move together, so pooled
            rows count as the number of days, which makes the interval rather too wide.

    >>> direction(np.array([1.0, 1.0, -1.0]), np.array([2.0, -1.0, 0.0]), 2)
    Direction(correct=0.5, low=0.0945, high=0.9055, majority=0.5)
    """
    moved = (actual != 0) & (predicted != 0)
    if not moved.any():
        return None
    correct = float(np.mean(np.sign(predicted[moved]) == np.sign(actual[moved])))
    n = min(n_effective, int(moved.sum()))
    low, high = wilson_interval(correct * n, n)
    up = float(np.mean(actual[moved] > 0))
    return Direction(correct, round(low, 4), round(high, 4), max(up, 1 - up))


def measure(outcomes: Outcomes) -> Metrics:
    """Returns all metrics of a set of outcomes with at least one row."""
    error = outcomes.actual - outcomes.step
    absolute, baseline = np.abs(error), np.abs(outcomes.actual)
    days, day = np.unique(outcomes.date, return_inverse=True)
    # One loss for each day, the mean over pairs, because the pairs of one day are not independent.
    advantage = np.bincount(day, baseline - absolute) / np.bincount(day)
    levels = {level: (column, int(level) / 100) for column, level in enumerate(LEVELS)}
    winkler = {k: winkler_score(error, outcomes.half[:, c], share) for k, (c, share) in levels.items()}
    constant = {
        k: winkler_score(outcomes.actual, outcomes.constant[:, c], share) for k, (c, share) in levels.items()
    }
    base = {k: winkler_score(error, outcomes.base[:, c], share) for k, (c, share) in levels.items()}
    inside = absolute[:, None] <= outcomes.half
    widths = np.median(np.expm1(outcomes.half * outcomes.scale[:, None]), axis=0).tolist()
    return Metrics(
        n=len(error),
        mae_ratio=_ratio(absolute.sum(), baseline.sum()),
        mse_skill=1 - _ratio((error**2).sum(), (baseline**2).sum()),
        diebold_mariano=diebold_mariano(advantage),
        forest_mae_ratio=_ratio(np.abs(outcomes.actual - outcomes.forest).sum(), baseline.sum()),
        direction=direction(outcomes.forest, outcomes.actual, len(days)),
        coverage=dict(zip(LEVELS, coverage(inside), strict=True)),
        coverage_interval={k: coverage_interval(inside[:, c], outcomes.date) for k, (c, _) in levels.items()},
        width=dict(zip(LEVELS, widths, strict=True)),
        winkler=winkler,
        winkler_ratio={k: error_ratio(winkler[k], constant[k]) for k in levels},
        winkler_base_ratio={k: error_ratio(winkler[k], base[k]) for k in levels},
    )


def _ratio(model: float, baseline: float) -> float:
    """A ratio of losses; 1 when both are 0, as when a rate stood still and so did its forecast."""
    ratio = error_ratio(model, baseline)
    return 1.0 if ratio is None else ratio


def outcomes_of(
    model: FittedModel, histories: Sequence[PairHistory], start: np.datetime64, end: np.datetime64
) -> Outcomes:
    """Returns a model's forecasts of the days ``start`` to ``end`` from full histories, and the actual returns."""
    rows = build_rows(histories, model.sigmas, start, end)
    ones = np.ones((len(rows), 1))
    quantiles = np.array([model.quantiles[level][WINDOW] for level in LEVELS])
    return Outcomes(
        pair=rows.pair,
        date=rows.date,
        last=rows.last,
        scale=rows.stored,
        actual=rows.target / rows.stored,
        step=model.step(rows) / rows.stored,
        forest=model.forest_step(rows) / rows.stored,
        half=half_widths(quantiles, model.scales(rows)) / rows.stored[:, None],
        constant=ones * [model.constant[level] for level in LEVELS],
        base=half_widths(np.array([model.base[level] for level in LEVELS]), rows.scales)
        / rows.stored[:, None],
        volatility=rows.sigma / rows.stored,
        shock=after_shock(rows),
    )


def calibration_outcomes(
    model: FittedModel, histories: Sequence[PairHistory], first: np.datetime64, until: np.datetime64
) -> Outcomes:
    """Returns a model's forecasts of the days that its quantiles come from (step 4 of `training.fit`).

    Args:
        model: the model.
        histories: the rates it was fitted to.
        first: first day it was fitted to.
        until: last day it was fitted to.
    """
    start = model.calibrated_from
    outcomes = outcomes_of(model, histories, first if start is None else start, until)
    return outcomes.where(~np.isin(outcomes.pair, list(model.not_pooled)))


def walk_forward(histories: Sequence[PairHistory], settings: ForestSettings, year: int) -> Outcomes:
    """Returns the outcomes of a year, forecast by a model that was fitted to the years before it."""
    eve, end = np.datetime64(f"{year - 1}-12-31"), np.datetime64(f"{year}-12-31")
    settings = replace(
        settings,
        trees=min(settings.trees, WALK_FORWARD_TREES),
        range_trees=min(settings.range_trees, WALK_FORWARD_RANGE_TREES),
    )
    model = fit_model(histories, eve, settings, (WINDOW,), refit=False)
    return outcomes_of(model, histories, eve + np.timedelta64(1, "D"), end)


def walk_forward_years(histories: Sequence[PairHistory], last: int) -> list[int]:
    """Returns the newest ``WALK_FORWARD_YEARS`` calendar years up to ``last`` that have enough rows before them.

    Years without a rate to forecast are left out.
    """
    return [year for year in _learnable_years(histories, last) if _has_rates_to_forecast(histories, year)]


def unmeasured_years(
    histories: Sequence[PairHistory], last: int, measured: Collection[int]
) -> tuple[str, ...]:
    """Returns a sentence on the years of the walk-forward without any forecast; empty if there are no such years."""
    missing = [year for year in _learnable_years(histories, last) if year not in measured]
    if not missing:
        return ()
    named = ", ".join(map(str, missing))
    which = "this year" if len(missing) == 1 else "these years"
    return (
        f"There are no results for {named}: no rate of {which} has {WINDOW} rates without a gap before it.",
    )


def _learnable_years(histories: Sequence[PairHistory], last: int) -> list[int]:
    years: list[int] = []
    for year in range(last, last - WALK_FORWARD_YEARS, -1):
        if learnable_rows(histories, np.datetime64(f"{year - 1}-12-31")) < MIN_FIT_ROWS:
            break
        years.append(year)
    return years[::-1]


def _has_rates_to_forecast(histories: Sequence[PairHistory], year: int) -> bool:
    days = (stretch.dates[WINDOW:] for history in histories for stretch in history.stretches)
    return any(
        bool((of_pair.astype("datetime64[Y]") == np.datetime64(str(year), "Y")).any()) for of_pair in days
    )


def join(parts: Sequence[Outcomes]) -> Outcomes:
    """Returns several sets of outcomes as one."""
    return Outcomes(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Outcomes)))
