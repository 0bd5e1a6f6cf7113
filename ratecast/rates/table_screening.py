"""What of a user's file is learnt from: no rows that are no observations, no rates that look like faults. Pure."""

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
    """A table to learn from, and what is no longer in it.

    Attributes:
        table: holds the rest.
        left_out: rates that look like faults, by column and day.
        copies: rates that were carried forward over closed days, if there were any.
    """

    table: RateTable
    left_out: tuple[LeftOut, ...] = ()
    copies: Copies | None = None

    def remark(self) -> str:
        """For the end of a refusal that may be due to what was left out; empty if nothing was."""
        counts = left_out.by_rule(self.left_out)
        if self.copies is not None:
            counts = {"carried forward": self.copies.weekends + self.copies.holidays, **counts}
        named = ", ".join(f"{count:,} {rule}" for rule, count in counts.items())
        return f" (left out before: {named})" if named else ""

    def sentences(self) -> tuple[str, ...]:
        """What is no longer in it, in sentences."""
        found = [] if self.copies is None else [f"{describe(self.copies)}."]
        return (*found, *left_out.sentences(self.left_out, self.table.source))


def screened(
    table: RateTable, today: dt.date, until: dt.date | None = None, *, keep_outliers: bool = False
) -> Screened:
    """Leave out of each column what `ratecast.rates.screening` suspects; crosses are derived from what is left.

    Args:
        table: as its file quotes it.
        today: rates dated later than tomorrow are left out.
        until: later days are cut off first, so that they decide nothing.
        keep_outliers: leave out only what was carried forward or is dated later than tomorrow.
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
    """Positions of a column's rates to leave out, ascending, and the rule each breaks."""
    late = screening.in_future(days, today)
    count = int((~late).sum())  # days ascend: the late ones are last
    faults: dict[int, str] = {}
    if count and not keep_outliers:
        holes = np.diff(days[:count], prepend=days[:1]) > np.timedelta64(MAX_GAP_DAYS, "D")
        faults = screening.suspects_of_file(
            found[:count], screening.spike_bounds(found[:count]), np.asarray(holes)
        )
    return faults | dict.fromkeys(range(count, len(days)), screening.FUTURE)


def describe(copies: Copies) -> str:
    """Copies in one sentence.

    >>> describe(Copies(1458, 416, 16, ("EUR/USD", "EUR/JPY"), "2021-01-09", "2024-12-29"))
    '416 of 1,458 rows (28.5 %) are weekends that repeat the rate of the day before, and 16 are weekdays on which every \
rate repeats: they are no observations and are not learnt from (2021-01-09 to 2024-12-29; EUR/USD, EUR/JPY)'
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
        f"{what}: they are no observations and are not learnt from "
        f"({copies.first_day} to {copies.last_day}; {', '.join(copies.pairs)})"
    )
