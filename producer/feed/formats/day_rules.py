"""Which days a source can publish rates for. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.feed.source import Reason, Refusal
from ratecast.rates.target_days import is_target_day

if TYPE_CHECKING:
    from collections.abc import Callable

ECB_FIRST_DAY = dt.date(1999, 1, 4)
_SATURDAY = 5


@dataclass(frozen=True)
class DayRules:
    """Which days a source can publish rates for.

    Attributes:
        today: the day in the source's time zone.
        days_ahead: how many days after today a rate may be dated.
        is_open: whether the source publishes on a day; None if it may on every day.
        first: its first day; None if it is not known.
    """

    today: dt.date
    days_ahead: int = 1
    is_open: Callable[[dt.date], bool] | None = None
    first: dt.date | None = None

    def fault(self, day: dt.date) -> Refusal | None:
        """Return why there can be no rate of a day, or None.

        >>> ecb_days(dt.date(2026, 11, 27)).fault(dt.date(2026, 11, 21)).detail
        '2026-11-21 is a Saturday, on which the source publishes nothing'
        """
        if day.toordinal() - self.today.toordinal() > self.days_ahead:
            return Refusal(Reason.FUTURE_DAY, f"{day} lies in the future: today is {self.today}")
        if self.first is not None and day < self.first:
            return Refusal(Reason.INVALID_DAY, f"{day} is before the source's first day, {self.first}")
        if self.is_open is not None and not self.is_open(day):
            kind = f"{day:%A}" if day.weekday() >= _SATURDAY else "closing day"
            return Refusal(Reason.CLOSED_DAY, f"{day} is a {kind}, on which the source publishes nothing")
        return None


def ecb_days(today: dt.date) -> DayRules:
    """Return the rules for the ECB's rates: open days of TARGET, published on the day itself."""
    return DayRules(today, 0, is_target_day, ECB_FIRST_DAY)


def weekdays(today: dt.date) -> DayRules:
    """Return the rules for a source that publishes from Monday to Friday, except on holidays that are not known here."""
    return DayRules(today, 0, lambda day: day.weekday() < _SATURDAY)
