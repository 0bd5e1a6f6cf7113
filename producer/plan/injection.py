"""Applies one fault to one series of rates. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from producer.plan.faults import NATURES, TAKES_RATES_AWAY, FaultKind
from ratecast.rates.tables import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DECIMAL_SHIFTS = {
    FaultKind.LEVEL_JUMP: 10.0,
    FaultKind.DECIMAL_SLIP: 100.0,
    FaultKind.DECIMAL_SLIP_FOR_GOOD: 100.0,
}
_STEP_FACTOR = 1.05
_VOLATILITY_FACTOR = 5.0
_BOUNDS = 1e-300, 1e300  # limits that keep every faulty rate positive and finite, so that workers score it
_QUOTED_DIGITS = 6  # `ratecast.rates.tables` rounds derived rates to as many
_SHIFTED_DIGITS = 15  # moving the decimal point keeps every digit; rounding removes only float noise


def faulty(
    dates: NDArray[np.datetime64], kind: FaultKind, start: int, count: int | None = None
) -> NDArray[np.bool_]:
    """Returns which rates a fault changes or removes.

    Args:
        dates: the days, ascending, shape ``(n,)``.
        kind: the kind of fault.
        start: index of the first faulty rate, below n.
        count: how many rates the fault lasts (``gap``: calendar days); the kind's default if None.

    Returns:
        A mask of shape ``(n,)``.
    """
    count = NATURES[kind].count if count is None else count
    mask = np.zeros(len(dates), dtype=np.bool_)
    if kind is FaultKind.GAP and count is not None:
        mask[:] = (dates >= dates[start]) & (dates < dates[start] + np.timedelta64(count, "D"))
        return mask
    stop = None if count is None else start + count
    mask[start : stop : 2 if kind is FaultKind.MISSING else 1] = True
    return mask


def inject(
    series: Series,
    kind: FaultKind,
    start: int,
    count: int | None = None,
    other: NDArray[np.float64] | None = None,
) -> Series:
    """Returns a series with one fault.

    The anchor is the rate before ``start``, or the first rate if there is none before. ``stuck`` repeats it.
    ``volatility`` returns the anchor times ``(rate / anchor) ** 5``, whose log returns are five times the clean ones.
    After ``count`` rates the clean rates continue, which is a jump as well.

    Args:
        series: n clean rates.
        kind: the kind of fault.
        start: index of the first faulty rate, below n.
        count: how many rates the fault lasts (``gap``: calendar days); the kind's default if None.
        other: for ``wrong-pair``, the other pair's rates on the same days, shape ``(n,)``.

    Returns:
        n rates, or fewer for ``gap`` and ``missing``. All are positive and finite.

    >>> clean = Series("EUR/GBP", np.arange("2025-01-01", 5, dtype="datetime64[D]"), np.full(5, 0.8))
    >>> inject(clean, FaultKind.DECIMAL_SLIP, start=2).rates.tolist()
    [0.8, 0.8, 80.0, 0.8, 0.8]
    """
    mask = faulty(series.dates, kind, start, count)
    if kind in TAKES_RATES_AWAY:
        return Series(series.pair, series.dates[~mask], series.rates[~mask])
    values = series.rates.copy()
    anchor = float(values[max(start - 1, 0)])
    values[mask] = _changed(values[mask], kind, anchor, None if other is None else other[mask])
    return Series(series.pair, series.dates, values)


def _changed(
    values: NDArray[np.float64], kind: FaultKind, anchor: float, other: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Returns the rates that replace the clean ones, shape ``(m,)``."""
    if kind is FaultKind.WRONG_PAIR:
        if other is None:
            raise ValueError("wrong-pair needs the other pair's rates")
        return other
    if kind is FaultKind.STUCK:
        return np.full_like(values, anchor)
    digits = _SHIFTED_DIGITS if kind in _DECIMAL_SHIFTS else _QUOTED_DIGITS
    with np.errstate(over="ignore", under="ignore"):
        if kind is FaultKind.INVERTED:
            values = 1.0 / values
        elif kind is FaultKind.VOLATILITY:
            values = anchor * np.exp(_VOLATILITY_FACTOR * (np.log(values) - np.log(anchor)))
        else:
            values = values * _DECIMAL_SHIFTS.get(kind, _STEP_FACTOR)
    return np.array([float(f"{value:.{digits}g}") for value in np.clip(values, *_BOUNDS).tolist()])
