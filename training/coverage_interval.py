"""How exactly a test knows the share of rates inside a range: its confidence interval over dependent days and pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.diebold_mariano import newey_west_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldShare:
    """The share of rates inside a range, what the range promised, and the share's 95 % confidence interval."""

    promised: float
    held: float
    low: float
    high: float

    def in_percent(self) -> str:
        """Returns the share and its interval in percent.

        >>> HeldShare(0.95, 0.9474, 0.9412, 0.9530).in_percent()
        '94.7 % (94.1 to 95.3)'
        """
        return f"{100 * self.held:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"


def wilson_interval(hits: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Returns the confidence interval of a share (Wilson, Journal of the American Statistical Association, 1927).

    >>> low, high = wilson_interval(5, 10)
    >>> round(low, 4), round(high, 4)
    (0.2366, 0.7634)
    """
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(centre - spread), float(centre + spread)


def coverage_interval(inside: NDArray[np.bool_], dates: NDArray[np.datetime64]) -> tuple[float, float]:
    """Returns the 95 % confidence interval of the share of rates inside a range.

    Pairs of one day move together, and wild days follow each other. So the variance of the share is that of the sums of
    each day, with the covariances of near days (Driscoll & Kraay, Review of Economics and Statistics, 1998). It gives
    the number of independent forecasts that would be as exact, and Wilson's interval takes that number.

    Args:
        inside: whether each range held its rate, at least one, ``(n,)``.
        dates: day of each forecast, ``(n,)``.

    >>> days = np.arange(100).astype("datetime64[D]")
    >>> low, high = coverage_interval(np.arange(100) % 5 > 0, days)
    >>> round(low, 3), round(high, 3)
    (0.711, 0.867)
    """
    n, share = len(inside), float(inside.mean())
    _, day = np.unique(dates, return_inverse=True)
    sums = np.bincount(day, inside - share).astype(np.float64)
    variance = len(sums) * newey_west_variance(sums) / n**2
    independent = share * (1 - share)
    if not independent:  # every rate was inside, or none: no more is known than how many days there were
        effective = float(len(sums))
    else:
        # Never more than there are: with few days the covariances can be negative by chance.
        effective = min(float(n), independent / variance) if variance > 0 else float(n)
    return wilson_interval(share * effective, effective)
