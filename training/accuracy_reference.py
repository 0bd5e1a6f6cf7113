"""What accuracy was in training, and a Page-Hinkley test that stays quiet as long as it stays so.

``delta`` follows from the change worth telling, as the optimal reference value of a cumulative sum does (half
the shift: G. Lorden, Annals of Mathematical Statistics 42, 1971; G. V. Moustakides, Annals of Statistics 14,
1986). ``threshold`` is fitted: block-bootstrapped training errors (circular blocks: Politis and Romano, 1992)
run through the very test that serves, so volatility clustering, heavy tails, differences between pairs and the
running mean are all in the count of false alarms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows.page_hinkley import PageHinkley
from ratecast.model.references import AccuracyReference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

DELTA = 0.175 / 2  # a mean |z| that is 15 to 20 % higher is worth telling
MESSAGES_PER_FALSE_ALARM = 5000  # of a pair: about twenty years of daily rates
CAP_LEVEL = 0.99  # of z; greater ones count as this quantile
# A year of daily rates. What a pair was always like is learnt within it, what it became lately is not.
PRIOR_MESSAGES = 250
BLOCK = 250  # a year: clusters and calm spells stay whole
BOOTSTRAPPED_MESSAGES = 2_000_000  # 400 false alarms at the target, a relative standard error of 5 %
MIN_MESSAGES = 100  # fewer do not tell the mean of |z| to 10 %
# What independent normal errors need for that rate (1.01 alarms in 5,000 over 6,000,000). Real errors are no
# better behaved: a few years of one pair that would do with less were only lucky.
LEAST_THRESHOLD = 16.5
_STEPS = 10  # bisections: the threshold to a thousandth of its bracket


def accuracy_reference(z_by_pair: Mapping[str, NDArray[np.float64]], seed: int) -> AccuracyReference:
    """Fit the reference to standardised errors on days the forecasts were not fitted to.

    Args:
        z_by_pair: ``|error| / sigma_t`` of each pair, oldest first, finite and not negative, ``(n_pair,)``.
        seed: of the bootstrap; the same errors and seed give the same reference.

    Raises:
        ValueError: under ``MIN_MESSAGES`` errors, or all of them are equal.
    """
    known = [z for z in z_by_pair.values() if len(z)]
    pooled = np.concatenate([*known, np.zeros(0)])
    if len(pooled) < MIN_MESSAGES:
        raise ValueError(f"{len(pooled)} errors are too few to know accuracy by: {MIN_MESSAGES} are needed")
    cap = float(np.quantile(pooled, CAP_LEVEL))
    capped = np.minimum(pooled, cap)
    mean, std = float(capped.mean()), float(capped.std())
    if not std > 0:
        raise ValueError("every error has the same size: there is no telling what a change of it would be")
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
    """Series of ``MESSAGES_PER_FALSE_ALARM`` errors, as many of each pair, each from blocks of one pair.

    Blocks wrap around the end of a pair, so that its first and last errors occur as often as others.
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
    """The least threshold with at most one alarm a series on average, but never under `LEAST_THRESHOLD`."""

    def alarms(threshold: float) -> int:
        return sum(len(PageHinkley(DELTA, threshold, mean, PRIOR_MESSAGES).update(z)) for z in series)

    if alarms(LEAST_THRESHOLD) <= len(series):
        return LEAST_THRESHOLD
    low, high = LEAST_THRESHOLD, 2 * LEAST_THRESHOLD
    while alarms(high) > len(series):
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if alarms(middle) > len(series) else (low, middle)
    return high
