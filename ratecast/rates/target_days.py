"""The days on which the ECB publishes reference rates: those of the TARGET calendar. Pure.

TARGET is the payment system of the euro. It is closed on Saturdays and Sundays, on 1 January, Good Friday, Easter
Monday, 1 May, and 25 and 26 December. The four middle ones are closed since 2000 only, and 31 December was closed in 1999
and 2001 (ECB, *TARGET closing days*). A test compares the rule with every day on which the ECB published rates since 1999.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

_CLOSED = frozenset({(1, 1), (12, 25)})
_CLOSED_SINCE_2000 = frozenset({(5, 1), (12, 26)})
_CLOSED_ONCE = frozenset({dt.date(1999, 12, 31), dt.date(2001, 12, 31)})
_SATURDAY = 5
_ONE_DAY = dt.timedelta(days=1)
_GOOD_FRIDAY, _EASTER_MONDAY = -2, 1  # days after Easter Sunday


def is_target_day(day: dt.date) -> bool:
    """Whether rates are published on a day.

    >>> is_target_day(dt.date(2026, 4, 2)), is_target_day(dt.date(2026, 4, 3))
    (True, False)
    """
    if day.weekday() >= _SATURDAY or (day.month, day.day) in _CLOSED or day in _CLOSED_ONCE:
        return False
    if day.year < 2000:
        return True
    after_easter = day.toordinal() - easter_sunday(day.year).toordinal()
    return (day.month, day.day) not in _CLOSED_SINCE_2000 and after_easter not in {
        _GOOD_FRIDAY,
        _EASTER_MONDAY,
    }


def next_target_day(day: dt.date) -> dt.date | None:
    """Return the first day after ``day`` on which rates are published; None if Python's calendar ends before it.

    >>> next_target_day(dt.date(2026, 12, 24))
    datetime.date(2026, 12, 28)
    """
    try:
        following = day + _ONE_DAY
        while not is_target_day(following):
            following += _ONE_DAY
    except OverflowError:
        return None
    return following


@lru_cache(maxsize=64)
def easter_sunday(year: int) -> dt.date:
    """Return Easter Sunday by the anonymous Gregorian algorithm (Meeus, *Astronomical Algorithms*, 1991, chapter 8).

    >>> easter_sunday(2026)
    datetime.date(2026, 4, 5)
    """
    golden = year % 19
    century, rest = divmod(year, 100)
    leap_centuries, centuries_left = divmod(century, 4)
    moon_correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leap_centuries - moon_correction + 15) % 30
    leaps, years_left = divmod(rest, 4)
    weekday = (32 + 2 * centuries_left + 2 * leaps - moon - years_left) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return dt.date(year, month, day + 1)
