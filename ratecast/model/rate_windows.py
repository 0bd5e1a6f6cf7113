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
    sums: WeightedSums  # of the returns without those that are left out of the volatility
    sums_before: WeightedSums  # the same without the newest return
    stored: NDArray[np.float64]  # (n,), the pair's sigma in training
    recent: NDArray[np.float64]  # (n,), the pair's sigma of the last 500 returns in training
    sigma: NDArray[np.float64]  # (n,), one-step volatility
    sigma_before: NDArray[np.float64]  # (n,), one-step volatility without the newest return

    def __len__(self) -> int:
        return len(self.pairs)

    def without(self, faults: Mapping[int, NDArray[np.bool_]]) -> Windows:
        """Return the batch with the volatility of some rows measured again without some of their returns.

        Args:
            faults: row -> mask of the returns to leave out, ``(WINDOW - 1,)``. Slow if there are many rows.
        """
        if not faults:
            return self
        sigma, sigma_before = self.sigma.copy(), self.sigma_before.copy()
        rows = np.array(list(faults))
        before, now = before_and_now(np.where(list(faults.values()), np.nan, self.returns[rows]))
        sigma[rows] = features.ewma_volatility(now, self.stored[rows], self.recent[rows])
        sigma_before[rows] = features.ewma_volatility(before, self.stored[rows], self.recent[rows])
        return replace(
            self,
            sums=self.sums.with_rows(rows, now),
            sums_before=self.sums_before.with_rows(rows, before),
            sigma=sigma,
            sigma_before=sigma_before,
        )
