"""Collects rates and refusals while an answer is read. One faulty rate, row or column never takes others with it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from producer.feed.formats import notation
from producer.feed.source import Answer, Reason, Refusal
from ratecast.rates.tables import RateTable

if TYPE_CHECKING:
    import datetime as dt

    from producer.feed.formats.day_rules import DayRules

MAX_REFUSALS = 200  # named one by one; the others are counted
_MOST_DAYS = 50_000  # remembered; more would let a hostile answer fill the memory


class CollectedRates:
    """The rates and refusals of one answer.

    Args:
        source: name of the source, which the table carries.
        rules: which days it can publish rates for.

    >>> import datetime
    >>> from producer.feed.formats.day_rules import ecb_days
    >>> rates = CollectedRates("ecb", ecb_days(datetime.date(2026, 11, 27)))
    >>> for text in ("1.1534", "1.1534", "1.16"):
    ...     rates.add("EUR/USD", rates.day("2026-11-27", "line 2"), text, "line 2")
    >>> rates.answer().table.columns, rates.answer().refusals[0].reason
    ({'EUR/USD': array([1.1534])}, <Reason.TWICE: 'twice'>)
    """

    def __init__(self, source: str, rules: DayRules) -> None:
        self._source = source
        self._rules = rules
        self._rates: dict[str, dict[dt.date, float]] = {}
        self._refusals: list[Refusal] = []
        self._unnamed = 0
        self._days: dict[str, dt.date | None] = {}
        self._file = ""

    def reading(self, file: str) -> None:
        """Name the file that is read from now on. Refusals begin with it."""
        self._file = f"{file}: "

    def refuse(self, reason: Reason, detail: str) -> None:
        """Record something that is not taken."""
        if len(self._refusals) < MAX_REFUSALS:
            self._refusals.append(Refusal(reason, self._file + detail))
        else:
            self._unnamed += 1

    def day(self, text: str, where: str) -> dt.date | None:
        """Return the day of a text; None if it is refused. A day that occurs in many rows is refused once."""
        if text in self._days:
            return self._days[text]
        day = notation.day(text)
        if day is None:
            self.refuse(Reason.INVALID_DAY, f"{where}: {notation.shown(text)} is no date")
        elif fault := self._rules.fault(day):
            self.refuse(fault.reason, f"{where}: {fault.detail}")
            day = None
        if len(self._days) < _MOST_DAYS:
            self._days[text] = day
        return day

    def add(self, pair: str, day: dt.date | None, text: str, where: str) -> None:
        """Take the rate of a pair and day, or refuse it.

        Args:
            pair: two currencies, ``EUR/USD``.
            day: from `day`; None if it was refused, and then so is the rate.
            text: the rate as the source writes it, without blanks around it.
            where: line or place, for the refusal.
        """
        if day is None:
            return
        rate = notation.rate(text)
        if rate is None:
            shown = notation.shown(text)
            self.refuse(Reason.INVALID_RATE, f"{where}: {pair} of {day}: {shown} is no positive number")
            return
        known = self._rates.setdefault(pair, {}).setdefault(day, rate)
        if known != rate:
            self.refuse(Reason.TWICE, f"{where}: {pair} of {day} is {known:.10g} above and {rate:.10g} here")

    def answer(self, *, may_be_empty: bool = False) -> Answer:
        """Return what was taken, days ascending, and what was not. The table is None if nothing was taken.

        Args:
            may_be_empty: whether an answer without any rate or fault is usual; otherwise it is refused.
        """
        refusals = tuple(self._refusals)
        if self._unnamed:
            detail = f"{self._unnamed:,} more faults like these"
            refusals += (Refusal(refusals[-1].reason, detail),)
        days = sorted({day for column in self._rates.values() for day in column})
        if not days:
            nothing = (Refusal(Reason.EMPTY, "there is not one rate in it"),)
            return Answer(None, refusals if refusals or may_be_empty else nothing)
        nan = float("nan")
        columns = {
            pair: np.array([column.get(day, nan) for day in days])
            for pair, column in self._rates.items()
            if column
        }
        return Answer(RateTable(self._source, np.array(days, dtype="datetime64[D]"), columns), refusals)
