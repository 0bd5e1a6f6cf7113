"""Selects the rates of a user's file to train on: real observations that do not look like faults. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.rates import left_out, screening
from ratecast.rates.closed_days import Copies, without_copies
from ratecast.rates.left_out import LeftOut
from ratecast.rates.tables import MAX_GAP_DAYS, RateTable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Screened:
    """A table to train on, and the rates that were removed from it.

    Attributes:
        table: the table without the removed rates.
        left_out: removed rates that look like faults, by column and day.
        copies: removed rates that were carried forward over closed days, if there were any.
    """

    table: RateTable
    left_out: tuple[LeftOut, ...] = ()
    copies: Copies | None = None

    def remark(self) -> str:
        """Return a note for an error that the removed rates may have caused; empty if there are none."""
        counts = left_out.by_rule(self.left_out)
        if self.copies is not None:
            counts = {"carried forward": self.copies.weekends + self.copies.holidays, **counts}
        named = ", ".join(f"{count:,} {rule}" for rule, count in counts.items())
        return f" (left out before: {named})" if named else ""

    def sentences(self) -> tuple[str, ...]:
        """Return sentences on the removed rates."""
        found = [] if self.copies is None else [f"{describe(self.copies)}."]
        return (*found, *left_out.sentences(self.left_out, self.table.source))


def screened(
    table: RateTable, today: dt.date, until: dt.date | None = None, *, keep_outliers: bool = False
) -> Screened:
    """Leave out the rates that `ratecast.rates.screening` suspects; crosses are derived from the others.

    Args:
        table: rates as the file quotes them.
        today: rates dated later than tomorrow are left out.
        until: later days are cut off first, so that they have no influence.
        keep_outliers: leave out only rates that were carried forward or are dated later than tomorrow.
    """
    if until is not None:
        early = table.dates <= np.datetime64(until)
        kept = {pair: column[early] for pair, column in table.columns.items()}
        table = replace(table, dates=table.dates[early], columns=kept)
    if not len(table.dates):
        return Screened(table)
    table, copies = without_copies(table)
    columns = {pair: column.copy() for pair, column in table.columns.items()}
    faulty: list[LeftOut] = []
    for pair, column in columns.items():
        there = np.flatnonzero(~np.isnan(column))
        for position, rule in _faults(
            table.dates[there], column[there], today, keep_outliers=keep_outliers
        ).items():
            at = int(there[position])
            faulty.append(LeftOut(pair, str(table.dates[at]), float(column[at]), rule))
            column[at] = np.nan
    return Screened(replace(table, columns=columns), tuple(faulty), copies)


def _faults(
    days: NDArray[np.datetime64], found: NDArray[np.float64], today: dt.date, *, keep_outliers: bool
) -> dict[int, str]:
    """Return the positions of the rates to leave out, ascending, and the rule that each breaks."""
    late = screening.in_future(days, today)
    count = int((~late).sum())  # days ascend, so the late ones are last
    faults: dict[int, str] = {}
    if count and not keep_outliers:
        holes = np.diff(days[:count], prepend=days[:1]) > np.timedelta64(MAX_GAP_DAYS, "D")
        faults = screening.suspects_of_file(
            found[:count], screening.spike_bounds(found[:count]), np.asarray(holes)
        )
    return faults | dict.fromkeys(range(count, len(days)), screening.FUTURE)


def describe(copies: Copies) -> str:
    """Describe the removed copies in one sentence.

    >>> describe(Copies(1458, 416, 16, ("EUR/USD", "EUR/JPY"), "2021-01-09", "2024-12-29"))
    '416 of 1,458 rows (28.5 %) are weekends that repeat the rate of the day before, and 16 are weekdays on which every \
rate repeats: they are no observations and are left out of training (2021-01-09 to 2024-12-29; EUR/USD, EUR/JPY)'
    """
    share = 100 * copies.weekends / copies.rows
    parts: Sequence[str] = [
        f"{copies.weekends:,} of {copies.rows:,} rows ({share:.1f} %) are weekends that repeat the rate of the day before"
        if copies.weekends
        else "",
        f"{copies.holidays:,} {'are' if copies.weekends else f'of {copies.rows:,} rows are'} weekdays on which every "
        "rate repeats"
        if copies.holidays
        else "",
    ]
    what = ", and ".join(filter(None, parts))
    return (
        f"{what}: they are no observations and are left out of training "
        f"({copies.first_day} to {copies.last_day}; {', '.join(copies.pairs)})"
    )
