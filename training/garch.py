"""GARCH(1,1) with Student's t as a baseline: one model for each pair, fitted to all of its past by the package arch.

Bollerslev, Review of Economics and Statistics, 1987. Only the fit is arch's: the variances and the quantiles follow
from its four parameters by the formulas here.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import WINDOW
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.dataset import PairHistory, Rows

NAME = "GARCH(1,1)-t"
_PERCENT = 100.0  # arch's optimiser wants returns of about this size


@dataclass(frozen=True)
class Garch:
    """Parameters of one pair; ``omega`` and ``start`` belong to returns in percent."""

    omega: float
    alpha: float
    beta: float
    nu: float  # degrees of freedom
    start: float  # variance of the first return: the mean square of those of the fit


def is_installed() -> bool:
    """Whether arch is there; it is no requirement of this project."""
    return importlib.util.find_spec("arch") is not None


def fit_garch(returns: NDArray[np.float64]) -> Garch:
    """Returns the maximum likelihood fit.

    Args:
        returns: log returns, oldest first, ``(n,)``.
    """
    from arch import arch_model

    model = arch_model(_PERCENT * returns, mean="Zero", vol="GARCH", p=1, q=1, dist="t", rescale=False)
    found = model.fit(disp="off", show_warning=False).params
    omega, alpha, beta, nu = (float(found[name]) for name in ("omega", "alpha[1]", "beta[1]", "nu"))
    return Garch(omega, alpha, beta, nu, start=float(np.mean((_PERCENT * returns) ** 2)))


def volatilities(model: Garch, returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the volatility of each return as forecast from the returns before it, ``(n,)``.

    ``sigma_t^2 = omega + alpha r_(t-1)^2 + beta sigma_(t-1)^2``.

    >>> found = volatilities(Garch(0.1, 0.2, 0.7, 5.0, start=1.0), np.array([0.01, -0.02, 0.0]))
    >>> (10_000 * found**2).round(3).tolist()
    [1.0, 1.0, 1.6]
    """
    squares = (_PERCENT * returns) ** 2
    variance = np.empty(len(squares))
    now = model.start
    for step, square in enumerate(squares.tolist()):
        variance[step] = now
        now = model.omega + model.alpha * square + model.beta * now
    return np.sqrt(variance) / _PERCENT


def quantiles(nu: float) -> NDArray[np.float64]:
    """Returns the quantile of |r| / sigma of each of ``LEVELS`` for Student's t with variance 1, ``(2,)``.

    >>> quantiles(1e6).round(3).tolist()
    [1.282, 1.96]
    """
    from scipy import stats

    shares = np.array([0.5 + int(level) / 200 for level in LEVELS])
    return np.asarray(stats.t.ppf(shares, nu) * np.sqrt((nu - 2) / nu))


def garch_half_widths(
    histories: Sequence[PairHistory], until: np.datetime64, tested: Rows
) -> NDArray[np.float64]:
    """Returns the half widths of the ranges in log returns, ``(n, 2)``, columns ``LEVELS``.

    Args:
        histories: the pairs; each model is fitted to the returns up to ``until`` and then only filters.
        until: last day of the fits.
        tested: n rows of these pairs after that day.
    """
    half = np.full((len(tested), len(LEVELS)), np.nan)
    for position in np.unique(tested.pair).tolist():
        stretches = histories[position].stretches
        returns = np.concatenate([np.diff(np.log(stretch.rates)) for stretch in stretches])
        dates = np.concatenate([stretch.dates[1:] for stretch in stretches])
        full = np.concatenate([np.arange(1, len(stretch.rates)) >= WINDOW for stretch in stretches])
        model = fit_garch(returns[dates <= until])
        rows = tested.pair == position
        wanted = full & np.isin(dates, tested.date[rows])
        half[rows] = volatilities(model, returns)[wanted, None] * quantiles(model.nu)
    return half
