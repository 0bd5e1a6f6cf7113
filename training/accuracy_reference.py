"""Fits the reference for live accuracy: the errors of training and a Page-Hinkley test with few false alarms.

``delta`` follows from the smallest change worth reporting, like the optimal reference value of a cumulative sum (half
the shift: G. Lorden, Annals of Mathematical Statistics 42, 1971; G. V. Moustakides, Annals of Statistics 14, 1986).
``threshold`` is fitted: block-bootstrapped training errors (circular blocks: Politis and Romano, 1992) go through the
same test that workers run. So the number of false alarms includes the effects of volatility clusters, heavy tails,
differences between pairs and the running mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows.page_hinkley import PageHinkley
from ratecast.model.references import AccuracyReference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

DELTA = 0.175 / 2  # a mean |z| that is 15 to 20 % higher is worth reporting
MESSAGES_PER_FALSE_ALARM = 5000  # messages of one pair, about twenty years of daily rates
CAP_LEVEL = 0.99  # quantile of z; larger values count as this quantile
# A year of daily rates: long enough to adapt to a pair, too short to adapt to a recent change.
PRIOR_MESSAGES = 250
BLOCK = 250  # a year, so that clusters and calm times stay complete
BOOTSTRAPPED_MESSAGES = 2_000_000  # 400 false alarms at the target, a relative standard error of 5 %
MIN_MESSAGES = 100  # with fewer the mean of |z| is less precise than 10 %
# Independent normal errors need this threshold for that rate (1.01 alarms in 5,000 over 6,000,000). Real errors are
# not better: if a few years of one pair seem to need less, that is chance.
LEAST_THRESHOLD = 16.5
_STEPS = 10  # bisections, which give the threshold to a thousandth of its bracket


def accuracy_reference(z_by_pair: Mapping[str, NDArray[np.float64]], seed: int) -> AccuracyReference:
    """Fits the reference to standardised errors on days that the forecasts were not fitted to.

    Args:
        z_by_pair: ``|error| / sigma_t`` of each pair, oldest first, finite and not negative, ``(n_pair,)``.
        seed: seed of the bootstrap; the same errors and seed give the same reference.

    Raises:
        ValueError: there are fewer than ``MIN_MESSAGES`` errors, or all of them are equal.
    """
    known = [z for z in z_by_pair.values() if len(z)]
    pooled = np.concatenate([*known, np.zeros(0)])
    if len(pooled) < MIN_MESSAGES:
        raise ValueError(f"{len(pooled)} errors are too few to measure accuracy: {MIN_MESSAGES} are needed")
    cap = float(np.quantile(pooled, CAP_LEVEL))
    capped = np.minimum(pooled, cap)
    mean, std = float(capped.mean()), float(capped.std())
    if not std > 0:
        raise ValueError("all errors have the same size, so a change cannot be measured")
    series = bootstrap([np.minimum(z, cap) for z in known], seed)
    return AccuracyReference(
        messages=len(pooled),
        cap=cap,
        mean=mean,
        std=std,
        prior_messages=PRIOR_MESSAGES,
        delta=DELTA,
        threshold=_fit_threshold(series, mean),
    )


def bootstrap(errors: Sequence[NDArray[np.float64]], seed: int) -> list[NDArray[np.float64]]:
    """Returns series of ``MESSAGES_PER_FALSE_ALARM`` errors, each from blocks of one pair; all pairs have equally many.

    Blocks wrap around the end of a pair, so that its first and last errors occur as often as the others.
    """
    rng = np.random.default_rng(seed)
    each = max(1, round(BOOTSTRAPPED_MESSAGES / MESSAGES_PER_FALSE_ALARM / len(errors)))
    series = []
    for z in errors:
        block = min(BLOCK, len(z))
        count = -(-MESSAGES_PER_FALSE_ALARM // block)
        for _ in range(each):
            places = rng.integers(len(z), size=count)[:, None] + np.arange(block)
            series.append(z[places.ravel()[:MESSAGES_PER_FALSE_ALARM] % len(z)])
    return series


def _fit_threshold(series: Sequence[NDArray[np.float64]], mean: float) -> float:
    """Returns the lowest threshold with at most one alarm per series on average, at least `LEAST_THRESHOLD`."""

    def too_many(threshold: float) -> bool:
        alarms = 0
        for z in series:
            alarms += len(PageHinkley(DELTA, threshold, mean, PRIOR_MESSAGES).update(z))
            if alarms > len(series):
                return True
        return False

    if not too_many(LEAST_THRESHOLD):
        return LEAST_THRESHOLD
    low, high = LEAST_THRESHOLD, 2 * LEAST_THRESHOLD
    while too_many(high):
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_many(middle) else (low, middle)
    return high
