"""Turns histories into rows: the inputs of the forest, and the next return as target.

A row is one history and the return that followed it. `ratecast.model.features` computes its inputs. Workers use the
same functions, so training and scoring cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ratecast.model import features, ranges
from ratecast.model.features import WINDOW
from ratecast.model.range_inputs import RANGE_INPUT_NAMES, range_inputs
from ratecast.model.weighted_sums import WeightedSums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.rates.tables import Series

MIN_RETURNS = 60  # fewer returns give no reliable volatility
RECENT_RETURNS = 500  # two years: the last 250 are too nervous, all returns are too old
MIN_RECENT_RETURNS = 120  # half a year; with fewer returns the sigma of all of training is used


@dataclass(frozen=True)
class PairHistory:
    """A pair and its stretches of rates without gaps, oldest first."""

    pair: str
    stretches: tuple[Series, ...]

    def until(self, day: np.datetime64) -> PairHistory:
        """Returns the history as it was known at the end of ``day``."""
        cuts = [(s, int(np.searchsorted(s.dates, day, "right"))) for s in self.stretches]
        kept = (type(s)(s.pair, s.dates[:n], s.rates[:n]) for s, n in cuts if n)
        return PairHistory(self.pair, tuple(kept))


@dataclass(frozen=True)
class Rows:
    """Rows of several pairs, ordered by pair and then by date; the arrays are parallel."""

    pair: NDArray[np.intp]  # (n,), position of the pair
    date: NDArray[np.datetime64]  # (n,), day of the rate to forecast
    last: NDArray[np.float64]  # (n,), newest rate of the history
    target: NDArray[np.float64]  # (n,), next log return
    sigma: NDArray[np.float64]  # (n,), EWMA volatility of the history
    scales: NDArray[np.float64]  # (n, 2), scales of the ranges, columns `ratecast.model.ranges.LEVELS`
    stored: NDArray[np.float64]  # (n,), sigma of the pair in training
    inputs: NDArray[np.float32]  # (n, 3), of the centre
    range_inputs: NDArray[np.float32]  # (n, 11)

    def __len__(self) -> int:
        return len(self.target)

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        """Returns the rows under a mask."""
        return Rows(*(getattr(self, field.name)[mask] for field in fields(self)))


def shortest_features(history: PairHistory) -> NDArray[np.float64]:
    """Returns the features of every three consecutive rates, ``(n, 5)``: those of the shortest message."""
    windows = [sliding_window_view(s.rates, 3) for s in history.stretches if len(s.rates) >= 3]
    joined = np.concatenate([*windows, np.zeros((0, 3))])
    return features.contract_features(joined, features.log_returns(joined))


def pair_sigmas(histories: Sequence[PairHistory]) -> NDArray[np.float64]:
    """Returns the standard deviation of each pair's one-step log returns, ``(p,)``.

    It is NaN for a pair with fewer than ``MIN_RETURNS`` returns, and for one that never moved, because no error can be
    measured in units of zero.
    """
    result = np.full(len(histories), np.nan)
    for position, history in enumerate(histories):
        returns = [np.diff(np.log(stretch.rates)) for stretch in history.stretches]
        joined = np.concatenate([*returns, np.zeros(0)])
        if len(joined) >= MIN_RETURNS and joined.std() > 0:
            result[position] = joined.std()
    return result


def recent_sigma(returns: NDArray[np.float64], sigma: float) -> float:
    """Returns the root mean square of the last ``RECENT_RETURNS`` returns, or ``sigma`` if there are too few.

    >>> [round(recent_sigma(np.full(count, 0.01), 0.02), 6) for count in (120, 119)]
    [0.01, 0.02]
    """
    if len(returns) < MIN_RECENT_RETURNS:
        return sigma
    found = float(np.sqrt((returns[-RECENT_RETURNS:] ** 2).mean()))
    return found if found > 0 else sigma


def recent_sigmas(history: PairHistory, sigma: float) -> dict[int, float]:
    """Returns year -> recent sigma of a pair as it was known on New Year's Eve before.

    Short histories use the recent sigma of a bundle, which is from its last day of training. Their quantiles must be
    fitted with a value that is as old.
    """
    dates = np.concatenate([stretch.dates[1:] for stretch in history.stretches])
    returns = np.concatenate([np.diff(np.log(stretch.rates)) for stretch in history.stretches])
    if not len(dates):
        return {}
    first, last = (int(day.astype("datetime64[Y]").astype(np.int64)) + 1970 for day in (dates[0], dates[-1]))
    known = {
        year: int(np.searchsorted(dates, np.datetime64(f"{year}-01-01"))) for year in range(first, last + 1)
    }
    return {year: recent_sigma(returns[:count], sigma) for year, count in known.items()}


def build_rows(
    histories: Sequence[PairHistory],
    sigmas: NDArray[np.float64],
    start: np.datetime64 | None = None,
    end: np.datetime64 | None = None,
    length: int = WINDOW,
) -> Rows:
    """Returns every row with a target day from ``start`` to ``end``, both included.

    For every ``length`` only targets with ``WINDOW`` rates before them make a row, so that all lengths have the same
    days.

    Args:
        histories: p pairs.
        sigmas: sigma of each pair, ``(p,)``; pairs with NaN make no rows.
        start: first target day.
        end: last target day.
        length: how many of the newest rates of each window the features use, 3 to ``WINDOW``.
    """
    parts = [
        _stretch_rows(stretch, position, (float(sigmas[position]), recent), (start, end), length)
        for position, history in enumerate(histories)
        if np.isfinite(sigmas[position])
        for recent in [recent_sigmas(history, float(sigmas[position]))]
        for stretch in history.stretches
    ]
    return Rows(
        *(
            np.concatenate([*(getattr(part, field.name) for part in parts), empty])
            for field, empty in zip(fields(Rows), _EMPTY, strict=True)
        )
    )


_EMPTY = (
    np.zeros(0, dtype=np.intp),
    np.zeros(0, dtype="datetime64[D]"),
    *(np.zeros(0) for _ in range(3)),
    np.zeros((0, 2)),
    np.zeros(0),
    np.zeros((0, 3), dtype=np.float32),
    np.zeros((0, len(RANGE_INPUT_NAMES)), dtype=np.float32),
)


def _stretch_rows(
    stretch: Series,
    position: int,
    sigmas: tuple[float, dict[int, float]],
    bounds: tuple[np.datetime64 | None, np.datetime64 | None],
    length: int,
) -> Rows:
    start, end = bounds
    first = 0 if start is None else int(np.searchsorted(stretch.dates, start))
    stop = len(stretch.dates) if end is None else int(np.searchsorted(stretch.dates, end, "right"))
    first = max(first, WINDOW)
    count = stop - first
    if count <= 0:
        return Rows(*_EMPTY)
    rates = stretch.rates[first - WINDOW : stop]
    # Returns first, then windows: this takes 61 times fewer logarithms and gives the same numbers.
    returns = features.log_returns(rates[None, :])[0]
    windows = sliding_window_view(returns, WINDOW - 1)[:count]
    if length < WINDOW:
        windows = windows.copy()
        windows[:, : WINDOW - length] = np.nan
    sigma, recent_by_year = sigmas
    stored = np.full(count, sigma)
    years = stretch.dates[first:stop].astype("datetime64[Y]").astype(np.int64) + 1970
    recent = np.array([recent_by_year[year] for year in years.tolist()])
    sums = WeightedSums.of(windows)
    now = features.ewma_volatility(sums, stored, recent)
    scales = ranges.range_scales(sums, now, stored, recent)
    return Rows(
        pair=np.full(count, position, dtype=np.intp),
        date=stretch.dates[first:stop],
        last=rates[WINDOW - 1 : -1],
        target=returns[WINDOW - 1 :],
        sigma=now,
        scales=scales,
        stored=stored,
        inputs=features.model_inputs(windows, now, stored),
        range_inputs=range_inputs(sums, now, scales[:, 0]),
    )
