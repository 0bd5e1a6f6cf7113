"""A batch of histories, prepared once for forecasts, hindcasts and quality checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model import features
from ratecast.model.weighted_sums import before_and_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ratecast.model.weighted_sums import WeightedSums


@dataclass(frozen=True)
class Windows:
    """A prepared batch of histories, from which forecasts, hindcasts and quality checks are computed."""

    pairs: NDArray[np.intp]  # (n,), index of each history's pair
    lengths: NDArray[np.intp]  # (n,), number of rates before they were cut to the window
    rates: NDArray[np.float64]  # (n, WINDOW), newest last, NaN where a history is shorter
    returns: NDArray[np.float64]  # (n, WINDOW - 1), log returns
    # Two rows a history: those of all histories without the newest return, and then those with it.
    sums: WeightedSums  # of the returns without those that are left out of the volatility
    stored_twice: NDArray[np.float64]  # (2 n,), the pair's sigma in training
    recent_twice: NDArray[np.float64]  # (2 n,), the pair's sigma of the last 500 returns in training
    sigmas: NDArray[np.float64]  # (2 n,), one-step volatility

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def stored(self) -> NDArray[np.float64]:
        """The pair's sigma in training, ``(n,)``."""
        return self.stored_twice[: len(self)]

    @property
    def sigma_before(self) -> NDArray[np.float64]:
        """One-step volatility without the newest return, ``(n,)``."""
        return self.sigmas[: len(self)]

    @property
    def sigma(self) -> NDArray[np.float64]:
        """One-step volatility, ``(n,)``."""
        return self.sigmas[len(self) :]

    def without(self, faults: Mapping[int, NDArray[np.bool_]]) -> Windows:
        """Return the batch with the volatility of some rows measured again without some of their returns.

        Args:
            faults: row -> mask of the returns to leave out, ``(WINDOW - 1,)``. Slow if there are many rows.
        """
        if not faults:
            return self
        rows = np.array(list(faults))
        both = np.concatenate((rows, rows + len(self)))
        sums = before_and_now(np.where(list(faults.values()), np.nan, self.returns[rows]))
        sigmas = self.sigmas.copy()
        sigmas[both] = features.ewma_volatility(sums, self.stored_twice[both], self.recent_twice[both])
        return replace(self, sums=self.sums.with_histories(rows, sums), sigmas=sigmas)
