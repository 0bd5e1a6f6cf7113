"""A share over all pairs together, with the pairs that are farthest from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Shares:
    """A share over all rows, and the pairs with the lowest and the highest share."""

    all: float
    lowest: tuple[str, float]
    highest: tuple[str, float]


def shares_of(hits: Mapping[str, NDArray[np.bool_]]) -> Shares:
    """Returns the share of hits.

    Args:
        hits: pair -> hits of its rows, ``(n_pair,)``; at least one pair, each with at least one row.

    >>> shares_of({"EUR/USD": np.array([True, False]), "EUR/GBP": np.array([True, True, True, True])})
    Shares(all=0.8333333333333334, lowest=('EUR/USD', 0.5), highest=('EUR/GBP', 1.0))
    """
    by_pair = {pair: float(of_pair.mean()) for pair, of_pair in hits.items()}
    lowest, highest = min(by_pair, key=by_pair.__getitem__), max(by_pair, key=by_pair.__getitem__)
    everything = float(np.concatenate(list(hits.values())).mean())
    return Shares(everything, (lowest, by_pair[lowest]), (highest, by_pair[highest]))
