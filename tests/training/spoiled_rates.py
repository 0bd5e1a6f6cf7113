"""Rates that make a worse model: days that are too volatile, and faults."""

from __future__ import annotations

import numpy as np

from ratecast.rates.tables import Series
from training.dataset import PairHistory


def with_volatile_days(histories, until=640):
    """Makes every tenth move before the span six times as large, so that the ranges become wrong."""
    volatile = []
    for history in histories:
        (stretch,) = history.stretches
        returns = np.diff(np.log(stretch.rates), prepend=0)
        factor = np.where(np.random.default_rng(1).random(len(returns)) < 0.1, 6.0, 1.0)
        factor[until:] = 1
        rates = np.exp(np.cumsum(factor * returns))
        volatile.append(PairHistory(history.pair, (Series(history.pair, stretch.dates, rates),)))
    return volatile


def with_tenfold_spikes(histories, pair, days=(100, 103, 106, 109)):
    """Adds faults long before the span; the histories and the rates of the span are clean."""
    poisoned = []
    for history in histories:
        (stretch,) = history.stretches
        rates = stretch.rates.copy()
        if history.pair == pair:
            rates[list(days)] *= 10
        poisoned.append(PairHistory(history.pair, (Series(history.pair, stretch.dates, rates),)))
    return poisoned
