"""Removes days on which the market was closed and the source repeats the rate of the day before. Pure.

A source that fills every calendar day repeats Friday's rate on Saturday and Sunday. Their returns of zero would make
the volatility of an open day too small. A repeated rate alone is not unusual, so the dates decide: free pairs repeat a
rate on about 1 % of their days, a filled source on every Saturday. Saturdays and Sundays are judged separately, since
trading begins on Sunday evening. Quarters of a year are too, since a source may have begun or stopped filling.

A source that quotes seven days a week, whose weekends move, loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.rates.tables import RateTable

SATURDAY, SUNDAY = 5, 6
# Share of a quarter's Saturdays or Sundays that must repeat: half, or twice the share of the pair's weekdays, at most
# nine of ten. From 1999 to 2026 the ECB's free pairs repeated a rate on 0.2 to 4 % of weekdays, EUR/BGN on 84 %.
_LEAST_SHARE, _TIMES_WEEKDAYS, _MOST_SHARE = 0.5, 2.0, 0.9
# A calendar has holidays on 2 to 5 % of its weekdays. More repeated weekdays than this are due to a peg.
_MOST_HOLIDAYS = 0.08
# Pairs that repeat on a smaller share of weekdays are free. Two of them hardly ever repeat on one day by chance.
_FREE = 0.1
_LONGEST_FILL_DAYS = 5  # over Easter


@dataclass(frozen=True)
class Copies:
    """Summary of the repeated rates that were removed from a table.

    Attributes:
        rows: number of rows of the table before.
        weekends: number of Saturdays and Sundays on which a rate was carried forward.
        holidays: number of weekdays on which every rate was carried forward.
        pairs: pairs with removed rates.
        first_day: first of these days.
        last_day: last of these days.
    """

    rows: int
    weekends: int
    holidays: int
    pairs: tuple[str, ...]
    first_day: str
    last_day: str


def weekdays(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the weekday of each day since 1970-01-01, in the same shape; Monday is 0.

    >>> weekdays(np.array([0, 2, 3, 4])).tolist()
    [3, 5, 6, 0]
    """
    return (days + 3) % 7


def without_copies(table: RateTable) -> tuple[RateTable, Copies | None]:
    """Return the table without rates carried forward over closed days, and a summary of them (None if there were none)."""
    weekday = weekdays(table.dates.astype("datetime64[D]").astype(np.int64))
    quarter = table.dates.astype("datetime64[M]").astype(np.int64) // 3
    columns = {pair: column.copy() for pair, column in table.columns.items()}
    repeats = {pair: _repeats(column, table.dates) for pair, column in columns.items()}
    weekends = {
        pair: _filled(same, ~np.isnan(columns[pair]), weekday, quarter) for pair, same in repeats.items()
    }
    for pair, filled in weekends.items():
        columns[pair][filled] = np.nan
    # A holiday's rate still equals the rate of the day before it when the weekends are gone.
    holidays = _holidays(columns, repeats, weekday, any_filled=any(c.any() for c in weekends.values()))
    for column in columns.values():
        column[holidays] = np.nan
    copied = {pair: np.isnan(columns[pair]) & ~np.isnan(table.columns[pair]) for pair in columns}
    on_days = np.any(list(copied.values()), axis=0)
    if not on_days.any():
        return table, None
    gone = table.dates[on_days]
    copies = Copies(
        rows=len(table.dates),
        weekends=int((on_days & (weekday >= SATURDAY)).sum()),
        holidays=int((on_days & (weekday < SATURDAY)).sum()),
        pairs=tuple(pair for pair, mask in copied.items() if mask.any()),
        first_day=str(gone[0]),
        last_day=str(gone[-1]),
    )
    left = ~np.all([np.isnan(column) for column in columns.values()], axis=0)
    kept = {pair: column[left] for pair, column in columns.items()}
    return replace(table, dates=table.dates[left], columns=kept), copies


def _repeats(column: NDArray[np.float64], dates: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return which rates equal the rate before them if that is at most a few days old, ``(n,)``."""
    there = np.flatnonzero(~np.isnan(column))
    close = np.diff(dates[there]) <= np.timedelta64(_LONGEST_FILL_DAYS, "D")
    result = np.zeros(len(column), dtype=np.bool_)
    result[there[1:]] = (np.diff(column[there]) == 0) & close
    return result


def _filled(
    repeats: NDArray[np.bool_],
    there: NDArray[np.bool_],
    weekday: NDArray[np.int64],
    quarter: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return which Saturdays and Sundays of a pair are copies, ``(n,)``."""
    share = _weekday_share(repeats, there, weekday)
    least = float(np.clip(_TIMES_WEEKDAYS * share, _LEAST_SHARE, _MOST_SHARE))
    if least > _LEAST_SHARE:
        quarter = np.zeros_like(
            quarter
        )  # a peg may repeat on thirteen Saturdays by chance, so judge all quarters at once
    result = np.zeros(len(repeats), dtype=np.bool_)
    first = int(quarter.min())
    for day in (SATURDAY, SUNDAY):
        on_day = there & (weekday == day)
        quoted = np.bincount(quarter[on_day] - first, minlength=int(np.ptp(quarter)) + 1)
        copied = np.bincount(quarter[on_day & repeats] - first, minlength=len(quoted))
        filled = (copied > 0) & (copied >= least * quoted)
        result |= on_day & repeats & filled[quarter - first]
    return result


def _weekday_share(repeats: NDArray[np.bool_], there: NDArray[np.bool_], weekday: NDArray[np.int64]) -> float:
    open_days = there & (weekday < SATURDAY)
    return float(repeats[open_days].mean()) if open_days.any() else 0.0


def _holidays(
    columns: dict[str, NDArray[np.float64]],
    repeats: dict[str, NDArray[np.bool_]],
    weekday: NDArray[np.int64],
    *,
    any_filled: bool,
) -> NDArray[np.bool_]:
    """Return the weekdays on which every pair repeats its rate because of a holiday, ``(n,)``."""
    there = {pair: ~np.isnan(column) for pair, column in columns.items()}
    quoted = np.any(list(there.values()), axis=0) & (weekday < SATURDAY)
    found: NDArray[np.bool_] = quoted & np.all([repeats[pair] | ~there[pair] for pair in columns], axis=0)
    free = sum(_weekday_share(repeats[pair], there[pair], weekday) < _FREE for pair in columns)
    if found.sum() > _MOST_HOLIDAYS * quoted.sum() or not (any_filled or free > 1):
        return np.zeros_like(found)
    return found
