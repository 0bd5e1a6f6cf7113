"""How well the optional fields held on the test days: ranges for several steps, quantiles, and value at risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW
from ratecast.model.horizons import horizon_half_widths
from ratecast.model.quantiles import CENTRAL_LEVELS, central_half_widths, quantile_steps
from ratecast.model.ranges import LEVELS, half_widths
from ratecast.model.training_stats import RangesHeld
from ratecast.optional_fields import QUANTILES
from training.dataset import build_rows
from training.horizon_returns import horizon_returns
from training.shares import Shares, shares_of
from training.value_at_risk import ValueAtRisk, value_at_risk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from training.dataset import PairHistory, Rows
    from training.fit import FittedModel


@dataclass(frozen=True)
class HorizonResult:
    """How often the ranges for some steps held.

    Attributes:
        n: number of forecasts.
        shares: level -> share of rates inside the range.
        pairs: pair -> its figures, as the bundle keeps them.
    """

    n: int
    shares: dict[str, Shares]
    pairs: dict[str, RangesHeld]


@dataclass(frozen=True)
class FurtherResults:
    """Results of the optional fields on the test days, from full histories.

    Attributes:
        horizons: steps -> results, for the steps that the tested model has a table for.
        quantiles: percent -> share of next rates below the quantile; empty if the tested model has no table.
        value_at_risk: ``falls`` and ``rises`` -> results of the quantiles at 1 and 99 %; empty likewise.
    """

    horizons: dict[int, HorizonResult]
    quantiles: dict[str, Shares]
    value_at_risk: dict[str, ValueAtRisk]


def further_results(
    model: FittedModel, histories: Sequence[PairHistory], start: np.datetime64, end: np.datetime64
) -> FurtherResults:
    """Returns the results of forecasts for the days ``start`` to ``end``.

    Args:
        model: a model that was fitted to days before ``start``, with at least one row in the span.
        histories: the pairs.
        start: first day of the next rates.
        end: last day of the next rates; several steps ahead may be later.
    """
    rows = build_rows(histories, model.sigmas, start, end)
    scales, step = model.scales(rows), model.step(rows)
    half = half_widths(np.array([model.quantiles[level][WINDOW] for level in LEVELS]), scales)
    names = [history.pair for history in histories]
    quantiles, risk = _quantiles(model, rows, scales, half, names)
    return FurtherResults(_horizons(model, histories, rows, (scales, half, step)), quantiles, risk)


def _horizons(
    model: FittedModel,
    histories: Sequence[PairHistory],
    rows: Rows,
    arrays: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> dict[int, HorizonResult]:
    """Returns the results by steps.

    Args:
        model: the tested model.
        histories: the pairs.
        rows: n rows.
        arrays: their scales and half widths, ``(n, 2)``, and their forecast returns, ``(n,)``.
    """
    scales, half, step = arrays
    tables = model.further.horizons
    if not tables:
        return {}
    table = np.array([[tables[steps][level][WINDOW] for level in LEVELS] for steps in tables])
    widths = horizon_half_widths(table, scales, half)
    names = [history.pair for history in histories]
    results = {}
    for column, steps in enumerate(tables):
        error = np.abs(horizon_returns(histories, rows, steps) - step)
        known = ~np.isnan(error)
        if not known.any():
            continue
        inside = error[known, None] <= widths[known, column]
        masks, days = _masks(rows.pair[known], names), rows.date[known]
        results[steps] = HorizonResult(
            n=len(inside),
            shares={level: shares_of(_by_pair(inside[:, c], masks)) for c, level in enumerate(LEVELS)},
            pairs={name: _held(inside[mask], days[mask]) for name, mask in masks.items()},
        )
    return results


def _quantiles(
    model: FittedModel,
    rows: Rows,
    scales: NDArray[np.float64],
    half: NDArray[np.float64],
    names: Sequence[str],
) -> tuple[dict[str, Shares], dict[str, ValueAtRisk]]:
    """Returns the share of next rates below each quantile, and the tests of the outermost ones as value at risk."""
    tables = model.further.central
    if not tables:
        return {}, {}
    table = np.array([tables[level][WINDOW] for level in CENTRAL_LEVELS])
    central = central_half_widths(table, scales, half)
    error = rows.target - model.step(rows)
    steps = quantile_steps(central, QUANTILES)
    masks = _masks(rows.pair, names)
    shares = {
        percent: shares_of(_by_pair(error < steps[:, column], masks))
        for column, percent in enumerate(QUANTILES)
    }
    beyond = {"falls": error < steps[:, 0], "rises": error > steps[:, -1]}
    risk = {side: value_at_risk(_by_pair(hits, masks)) for side, hits in beyond.items()}
    return shares, risk


def _masks(pair: NDArray[np.intp], names: Sequence[str]) -> Mapping[str, NDArray[np.bool_]]:
    return {names[position]: pair == position for position in np.unique(pair).tolist()}


def _by_pair(hits: NDArray[np.bool_], masks: Mapping[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    return {name: hits[mask] for name, mask in masks.items()}


def _held(inside: NDArray[np.bool_], days: NDArray[np.datetime64]) -> RangesHeld:
    shares = dict(zip(LEVELS, inside.mean(axis=0).round(6).tolist(), strict=True))
    return RangesHeld(n=len(inside), first_date=str(days.min()), last_date=str(days.max()), shares=shares)
