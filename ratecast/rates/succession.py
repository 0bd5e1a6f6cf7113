"""Compares a new copy of a history with the one at hand: may it take its place? Pure.

A history only grows. A new copy that ends earlier, lacks days or rates, or tells another past is worse than none. The ECB
does correct single rates, so a few changed ones within the usual move of their pair are revisions.

A new rate that `ratecast.rates.screening` suspects may be a shock: in 300 of the ECB's days from 2020 to 2026 it was one
three times, for RUB and twice for RON. Such rates are named, and they are an objection only if one has moved by a factor
of 2, as a swapped quote or a slipped decimal point does, or if they are many, as after a change of the base.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ratecast.rates import screening
from ratecast.rates.table_screening import screened
from ratecast.rates.target_days import is_target_day

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.rates.left_out import LeftOut
    from ratecast.rates.tables import RateTable

# Three days of every currency. The ECB has corrected single rates, and once a day's.
MOST_REVISED = 100
_SAME = 1e-9  # share of a rate; two spellings of one number differ by less
_SCREENED_ROWS = 260  # a year before the new days: what the rules of screening compare them with
_MANY_SUSPICIOUS = 0.25  # of the new rates


class Revision(NamedTuple):
    """A rate of the past that changed."""

    pair: str
    day: str
    before: float  # NaN if there was none
    after: float

    def __str__(self) -> str:
        before = "none" if np.isnan(self.before) else f"{self.before:.6g}"
        return f"{self.pair} {self.day} from {before} to {self.after:.6g}"


@dataclass(frozen=True)
class Succession:
    """What a new copy of a history brings.

    Attributes:
        added: days that it has after the last day at hand, ascending.
        revised: rates of days at hand that it changes, by pair and day.
        suspicious: new rates that look like faults.
        objections: why it is worse than the copy at hand, each in a few words; none if it may take its place.
    """

    added: tuple[str, ...]
    revised: tuple[Revision, ...]
    suspicious: tuple[LeftOut, ...]
    objections: tuple[str, ...]


def compare(new: RateTable, old: RateTable, today: dt.date) -> Succession:
    """Compare a new copy of a history with the one at hand.

    Args:
        new: the new copy.
        old: the copy at hand.
        today: rates dated later than tomorrow are an objection.
    """
    last = old.dates[-1]
    added = new.dates[new.dates > last]
    revised, lost, far = _changes(new, old)
    objections = [
        *_lost_days(new, old),
        *_count(lost, "rate is missing", "rates are missing"),
        *_count(
            far, "rate changed by more than its pair moves", "rates changed by more than their pairs move"
        ),
    ]
    if len(revised) > MOST_REVISED:
        objections.append(f"{len(revised):,} rates of the past changed, first {revised[0]}")
    end = _newest_part(new, last)
    suspicious = tuple(fault for fault in screened(end, today).left_out if fault.day > str(last))
    objections += [*_closed_days(added), *_wrong_rates(end, last, suspicious)]
    return Succession(tuple(map(str, added)), tuple(revised), suspicious, tuple(objections))


def _lost_days(new: RateTable, old: RateTable) -> list[str]:
    lost = np.setdiff1d(old.dates, new.dates)
    if not len(lost):
        return []
    if new.dates[-1] < old.dates[-1] and lost[0] > new.dates[-1]:
        return [f"it ends on {new.dates[-1]}, before {old.dates[-1]}"]
    days = "day is" if len(lost) == 1 else "days are"
    return [f"{len(lost):,} {days} missing, first {lost[0]}"]


def _changes(new: RateTable, old: RateTable) -> tuple[list[Revision], list[Revision], list[Revision]]:
    """Return the rates that changed, those that are gone from days that both have, and those that changed too far."""
    days, there, here = np.intersect1d(new.dates, old.dates, return_indices=True)
    revised: list[Revision] = []
    lost: list[Revision] = []
    far: list[Revision] = []
    for pair, column in old.columns.items():
        before = column[here]
        after = new.columns[pair][there] if pair in new.columns else np.full(len(days), np.nan)
        lost += _revisions(pair, days, before, after, ~np.isnan(before) & np.isnan(after))
        changed = ~np.isnan(after) & ~(np.abs(after / before - 1) <= _SAME)
        if not changed.any():
            continue
        revised += _revisions(pair, days, before, after, changed)
        known = np.flatnonzero(~np.isnan(before))
        off = np.zeros(len(days), dtype=np.bool_)
        off[known] = np.abs(np.log(after[known] / before[known])) > screening.spike_bounds(before[known])
        far += _revisions(pair, days, before, after, changed & off)
    return revised, lost, far


def _revisions(
    pair: str,
    days: NDArray[np.datetime64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    where: NDArray[np.bool_],
) -> list[Revision]:
    return [
        Revision(pair, str(days[i]), float(before[i]), float(after[i]))
        for i in np.flatnonzero(where).tolist()
    ]


def _count(found: Sequence[Revision], one: str, many: str) -> list[str]:
    if not found:
        return []
    first = found[0]
    shown = f"{first.pair} {first.day}" if np.isnan(first.after) else str(first)
    return [f"{len(found):,} {one if len(found) == 1 else many}, first {shown}"]


def _newest_part(table: RateTable, last: np.datetime64) -> RateTable:
    """Return the days after ``last``, and a year before them."""
    start = max(0, int(np.searchsorted(table.dates, last)) - _SCREENED_ROWS)
    columns = {pair: column[start:] for pair, column in table.columns.items()}
    return replace(table, dates=table.dates[start:], columns=columns)


def _closed_days(added: NDArray[np.datetime64]) -> list[str]:
    closed = [day for day in added.tolist() if not is_target_day(day)]
    return [f"it has rates of {day}, on which the ECB publishes none" for day in closed[:1]]


def _wrong_rates(end: RateTable, last: np.datetime64, suspicious: Sequence[LeftOut]) -> list[str]:
    """Return an objection if suspicious rates are too far from those at hand, too many, or of the future."""
    future = [fault for fault in suspicious if fault.rule == screening.FUTURE]
    if future:
        return [f"it has a rate of {future[0].day}, which is in the future"]
    for fault in suspicious:
        before = end.columns[fault.pair][end.dates <= last]
        before = before[~np.isnan(before)]
        if len(before) and abs(math.log(fault.rate / before[-1])) >= math.log(screening.EXCURSION_FACTOR):
            return [f"{fault.pair} {fault.day} is {fault.rate:.6g} after {before[-1]:.6g}"]
    new_rates = sum(int((~np.isnan(column[end.dates > last])).sum()) for column in end.columns.values())
    if suspicious and len(suspicious) > _MANY_SUSPICIOUS * new_rates:
        first = suspicious[0]
        return [
            f"{len(suspicious):,} of {new_rates:,} new rates look like faults, first {first.pair} {first.day}: {first.rate:.6g}"
        ]
    return []
