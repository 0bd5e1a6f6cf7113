"""Tests whether a value at risk of 99 % is exceeded as often as it says, and whether its exceedances cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.shares import Shares, shares_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

EXPECTED = 0.01  # share of days on which the loss exceeds a value at risk of 99 %
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class ValueAtRisk:
    """How a value at risk of 99 % fared for all pairs together and for each of them.

    Attributes:
        n: number of days, counted for each pair.
        rate: share of them on which the loss exceeded it.
        pairs: number of pairs.
        kupiec: pairs whose share differs from 1 %, by Kupiec's test at 5 %.
        christoffersen: pairs whose exceedances follow each other, by Christoffersen's test at 5 %.
    """

    n: int
    rate: Shares
    pairs: int
    kupiec: tuple[str, ...]
    christoffersen: tuple[str, ...]


def value_at_risk(exceeded: Mapping[str, NDArray[np.bool_]]) -> ValueAtRisk:
    """Returns the results of both tests by pair.

    Args:
        exceeded: pair -> whether the loss of each day exceeded the value at risk, in order of time, ``(n_pair,)``.
    """
    return ValueAtRisk(
        n=sum(map(len, exceeded.values())),
        rate=shares_of(exceeded),
        pairs=len(exceeded),
        kupiec=tuple(pair for pair, hits in exceeded.items() if kupiec(hits) < SIGNIFICANT),
        christoffersen=tuple(pair for pair, hits in exceeded.items() if christoffersen(hits) < SIGNIFICANT),
    )


def kupiec(exceeded: NDArray[np.bool_], expected: float = EXPECTED) -> float:
    """Returns the p-value of the test that the share of exceedances is the expected one.

    The likelihood ratio of the proportion of failures (Kupiec, *Techniques for verifying the accuracy of risk measurement
    models*, Journal of Derivatives, 1995) has a chi-squared distribution with one degree of freedom.

    Args:
        exceeded: whether each loss exceeded the value at risk, ``(n,)``, n at least 1.
        expected: expected share, between 0 and 1.

    >>> import numpy as np
    >>> days = np.arange(1000)
    >>> round(kupiec(days < 10), 3), round(kupiec(days < 17), 3)
    (1.0, 0.043)
    """
    hits, n = int(exceeded.sum()), len(exceeded)
    ratio = 2 * (_log_likelihood(hits, n, hits / n) - _log_likelihood(hits, n, expected))
    return _p_value(ratio)


def christoffersen(exceeded: NDArray[np.bool_]) -> float:
    """Returns the p-value of the test that an exceedance is as likely after an exceedance as after a day without one.

    The likelihood ratio against a first-order Markov chain (Christoffersen, *Evaluating interval forecasts*,
    International Economic Review, 1998) has a chi-squared distribution with one degree of freedom.

    Args:
        exceeded: whether each loss exceeded the value at risk, in order of time, ``(n,)``.

    >>> import numpy as np
    >>> days = np.arange(1000)
    >>> christoffersen(days % 100 == 0) > 0.5, christoffersen(days < 10) < 0.001
    (True, True)
    """
    before, after = exceeded[:-1], exceeded[1:]
    hits, n = int(after.sum()), len(after)
    if not n:
        return 1.0
    chain = sum(
        _log_likelihood(int(group.sum()), len(group), float(group.mean()))
        for group in (after[before], after[~before])
        if len(group)
    )
    return _p_value(2 * (chain - _log_likelihood(hits, n, hits / n)))


def _log_likelihood(hits: int, n: int, share: float) -> float:
    """Returns the log likelihood of ``hits`` among ``n`` independent days that each have the probability ``share``."""
    found = hits * math.log(share) if hits else 0.0
    return found + ((n - hits) * math.log1p(-share) if hits < n else 0.0)


def _p_value(ratio: float) -> float:
    """Returns the upper tail of the chi-squared distribution with one degree of freedom."""
    return math.erfc(math.sqrt(max(ratio, 0.0) / 2))
