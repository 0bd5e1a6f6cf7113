"""``training_stats.json``: what each pair looked like in training, for drift and for ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ratecast import features
from ratecast.features import FEATURE_NAMES
from ratecast.model import FeatureStats, PairStats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.dataset import PairHistory


def pair_stats(history: PairHistory, sigma: float, rows: int) -> PairStats:
    """Statistics of a pair, from every three rates in a row: what the shortest message shows.

    Args:
        history: what was known.
        sigma: standard deviation of its one-step log returns.
        rows: how many rows of it the forest was fitted to.
    """
    windows = np.concatenate(
        [sliding_window_view(s.rates, 3) for s in history.stretches if len(s.rates) >= 3]
    )
    values = features.contract_features(windows, features.log_returns(windows))
    first, last = history.stretches[0], history.stretches[-1]
    return PairStats(
        n=rows,
        first_date=str(first.dates[0]),
        last_date=str(last.dates[-1]),
        last_rate=float(last.rates[-1]),
        sigma=sigma,
        longest_run=max(longest_run(s.rates) for s in history.stretches),
        features={
            name: FeatureStats(
                min=float(column.min()),
                max=float(column.max()),
                mean=float(column.mean()),
                std=float(column.std()),
            )
            for name, column in zip(FEATURE_NAMES, values.T, strict=True)
        },
    )


def longest_run(rates: NDArray[np.float64]) -> int:
    """Length of the longest run of equal rates.

    >>> longest_run(np.array([1.0, 2.0, 2.0, 2.0, 1.0]))
    3
    """
    changes = np.flatnonzero(np.diff(rates)) + 1
    edges = np.concatenate(([0], changes, [len(rates)]))
    return int(np.diff(edges).max())
