"""What one fault of a feed does to one series of rates. Pure: a series goes in, a series comes out."""

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
_BOUNDS = 1e-300, 1e300  # whatever a fault does, a rate stays positive and finite: it is to be scored
_QUOTED_DIGITS = 6  # as `ratecast.rates.tables` rounds what it derives
_SHIFTED_DIGITS = 15  # moving the decimal point keeps every digit; only the float's noise goes


def faulty(
    dates: NDArray[np.datetime64], kind: FaultKind, start: int, count: int | None = None
) -> NDArray[np.bool_]:
    """Which rates a fault changes or takes away.

    Args:
        dates: days, ascending, shape ``(n,)``.
        kind: the fault.
        start: index of the first faulty rate, below n.
        count: rates from there on (``gap``: calendar days); None is what the kind lasts by itself.

    Returns:
        Shape ``(n,)``.
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
    """A series with one fault.

    ``volatility`` is the anchor times ``(rate / anchor) ** 5``, whose log returns are five times the clean ones;
    the anchor, and the rate that ``stuck`` repeats, is the rate before ``start``, or the first when there is
    none before. Once ``count`` rates have passed the clean rates are back, a jump of its own.

    Args:
        series: n clean rates.
        kind: the fault.
        start: index of the first faulty rate, below n.
        count: rates from there on (``gap``: calendar days); None is what the kind lasts by itself.
        other: for ``wrong-pair``, the other pair's rates on the same days, shape ``(n,)``.

    Returns:
        n rates, or fewer after ``gap`` and ``missing``; positive and finite.

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
    """The rates that come instead of the clean ones, shape ``(m,)``."""
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
