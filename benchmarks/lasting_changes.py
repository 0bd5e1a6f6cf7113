"""Measures which drift scores find which lasting change of the rates, beside what the change does to the coverage.

Each change begins on the first day after training. The share of windows above the threshold is taken over windows that
lie after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.detectors import after_training
from benchmarks.drift_windows import window_counts
from monitoring.windows.feature_drift import drift_scores, kolmogorov_smirnov
from monitoring.windows.model_drift import binned, training_counts
from ratecast.model.features import WINDOW
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.ranges import LEVELS
from ratecast.model.references import DRIFT_TESTS, WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ratecast.model.forecast import Forecaster
    from ratecast.model.model_drift_reference import ModelDriftReference
    from ratecast.model.training_stats import TrainingStats
    from ratecast.rates.tables import Series

    Returns = NDArray[np.float64]
    Change = Callable[[Returns, np.random.Generator], Returns]

COLUMNS = [
    "change",
    *(f"{test.upper()}, %" for test in DRIFT_TESTS[::-1]),
    "importance-weighted, %",
    *(f"coverage of the {level} % range, %" for level in LEVELS),
]
_STRIDE = 10  # windows that differ by less say the same


def _repeated(returns: Returns, rng: np.random.Generator) -> Returns:
    """Three rates of ten repeat the one before; the next rate makes up for it."""
    log_rates = np.cumsum(returns)
    stale = rng.random(len(returns)) < 0.3
    newest = np.maximum.accumulate(np.where(stale, 0, np.arange(len(returns))))
    return np.diff(log_rates[newest], prepend=0.0)


def _noisy(returns: Returns, rng: np.random.Generator) -> Returns:
    return returns + np.diff(rng.normal(0, returns.std(), len(returns)), prepend=0.0)


def _fortnights(returns: Returns, _: np.random.Generator) -> Returns:
    return returns * np.where(np.arange(len(returns)) // 10 % 2, 4.0, 1.0)


def _jumps(returns: Returns, rng: np.random.Generator) -> Returns:
    return returns * np.where(rng.random(len(returns)) < 0.05, 6.0, 1.0)


CHANGES: dict[str, Change] = {
    "none": lambda returns, _: returns,
    "volatility x3": lambda returns, _: 3 * returns,
    "volatility / 3": lambda returns, _: returns / 3,
    "volatility x4 in every second fortnight": _fortnights,
    "one return of twenty is six times as large": _jumps,
    "three rates of ten repeat the one before": _repeated,
    "noise of one standard deviation in each rate": _noisy,
    "trend of 0.3 standard deviations a day": lambda returns, _: returns + 0.3 * returns.std(),
}


def changes_table(
    forecaster: Forecaster, stats: TrainingStats, series: Mapping[str, Series]
) -> list[list[str]]:
    """Returns a row for each change: share of windows that each score finds, and coverage of the ranges, in %."""
    rows = []
    for title, change in CHANGES.items():
        found = [_measure(forecaster, stats, changed(whole, change)) for whole in series.values()]
        rows.append([title, *(f"{100 * share:.1f}" for share in np.mean(found, axis=0))])
    return rows


def changed(series: Series, change: Change) -> Series:
    """Returns the rates with a change of the returns after training."""
    first = after_training(series) - 1
    returns = np.diff(np.log(series.rates))
    returns[first:] = change(returns[first:], np.random.default_rng(0))
    rates = series.rates[0] * np.exp(np.concatenate(([0.0], np.cumsum(returns))))
    return type(series)(series.pair, series.dates, rates)


def inputs_after_training(
    forecaster: Forecaster, series: Series
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Returns what the range forest sees of each history after training, and whether the ranges held the next rate.

    Histories contain no rate from before the end of training. The arrays are ``(n, 11)`` and ``(n, 2)``.
    """
    rates = series.rates[after_training(series) :]
    histories, following = sliding_window_view(rates[:-1], WINDOW), rates[WINDOW:, None]
    pair = np.full(len(histories), forecaster.pair_index[series.pair], dtype=np.intp)
    windows = forecaster.windows(histories.tolist(), pair)
    forecasts = forecaster.forecast(windows)
    inputs = forecasts.range_inputs
    return inputs[~np.isnan(inputs[:, 0])], (forecasts.lower <= following) & (following <= forecasts.upper)


def model_scores(
    reference: ModelDriftReference,
    pair: str,
    inputs: NDArray[np.float32],
    length: int = WINDOW_MESSAGES,
) -> NDArray[np.float64]:
    """Returns the weighted drift of every tenth full window, ``(w,)``.

    Args:
        reference: inputs in training.
        pair: pair of the inputs.
        inputs: of its messages, oldest first, ``(n, 11)``.
        length: messages in a window.
    """
    training = training_counts(reference, pair)
    bins = binned(inputs, [np.array(reference.edges[name]) for name in RANGE_INPUT_NAMES])
    seen = np.cumsum(np.eye(training.shape[1], dtype=np.int64)[bins], axis=0)
    windows = (seen[length:] - seen[:-length])[::_STRIDE]
    flat = windows.reshape(-1, training.shape[1])
    drifts = kolmogorov_smirnov(flat, np.tile(training, (len(windows), 1)))
    importances = np.array([reference.importances[name] for name in RANGE_INPUT_NAMES])
    return np.asarray(drifts.reshape(len(windows), -1) @ importances)


def _measure(forecaster: Forecaster, stats: TrainingStats, series: Series) -> list[float]:
    """Returns the share of windows above the threshold by each score, then the coverage of each of LEVELS."""
    returns = np.diff(np.log(series.rates[after_training(series) - 1 :]))
    of_return = stats.feature_drift[series.pair]["return_1"]
    counts = window_counts(returns, of_return, WINDOW_MESSAGES)[::_STRIDE]
    single = drift_scores(counts, np.array(of_return.counts))
    shares = [
        float((single[test] > of_return.threshold(test, WINDOW_MESSAGES)).mean())
        for test in DRIFT_TESTS[::-1]
    ]
    reference = stats.model_drift
    if reference is None:
        raise ValueError("the model has no reference of model drift")
    inputs, inside = inputs_after_training(forecaster, series)
    weighted = model_scores(reference, series.pair, inputs) > reference.threshold(WINDOW_MESSAGES)
    return [*shares, float(weighted.mean()), *inside.mean(axis=0).tolist()]
