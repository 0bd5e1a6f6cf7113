"""Reads single rates and dates as sources write them. Pure.

Python's own parsers accept more than anybody publishes on purpose: ``1_000``, ``inf``, digits of other scripts,
``20240131``. These patterns accept ASCII digits in one form only.
"""

from __future__ import annotations

import datetime as dt
import math
import re

from ratecast.rates import rate_csv

# What stands where a rate is missing: as in a user's CSV, and ".." as in the Bank of England's tables.
HOLES = frozenset({"", "..", *rate_csv.HOLES, *map(str.lower, rate_csv.HOLES)})
CURRENCY = re.compile(r"[A-Z]{3}")

# The ECB's longest quotes have seven digits (20275.17). More than nine are noise of float32 or of a computation.
QUOTED_DIGITS, MOST_DIGITS = 7, 9

_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST_NUMBER = 64  # characters
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_ENGLISH_DAY = re.compile(r"([0-9]{1,2}) ([A-Za-z]{3,9}) ([0-9]{4})")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH_NUMBERS = {name[:length]: at for at, name in enumerate(_MONTHS, 1) for length in (3, len(name))}


def rate(text: str) -> float | None:
    """Return a positive finite rate, rounded to seven digits if it has more than nine; None if it is none.

    >>> rate("366.90"), rate("1.1533999999999998"), rate("1.1534000635147095"), rate("-1.1"), rate("1_000"), rate("1e999")
    (366.9, 1.1534, 1.1534, None, None, None)
    """
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        return None
    value = float(text)
    if not 0 < value < math.inf:
        return None
    if len(text) > MOST_DIGITS and len(match[1].replace(".", "").lstrip("0")) > MOST_DIGITS:
        return float(f"{value:.{QUOTED_DIGITS}g}")
    return value


def day(text: str) -> dt.date | None:
    """Return a day written ``2026-04-13``, ``13 April 2026`` or ``13 Apr 2026``; None if it is none.

    >>> day("2026-04-13") == day("13 April 2026") == day("13 Apr 2026")
    True
    >>> day("20260413"), day("2026-02-30"), day("13 Avril 2026")
    (None, None, None)
    """
    if match := _ISO_DAY.fullmatch(text):
        year, month, number = (int(part) for part in match.groups())
    elif match := _ENGLISH_DAY.fullmatch(text):
        year, month, number = int(match[3]), _MONTH_NUMBERS.get(match[2], 0), int(match[1])
    else:
        return None
    try:
        return dt.date(year, month, number)
    except ValueError:
        return None


def english_day(day: dt.date) -> str:
    """Return a day as the Bank of England's address takes it, in every locale.

    >>> english_day(dt.date(2026, 3, 7))
    '07/Mar/2026'
    """
    return f"{day.day:02}/{_MONTHS[day.month - 1][:3]}/{day.year:04}"


def shown(text: str) -> str:
    r"""Return the beginning of a foreign text for one line of a log, in quotes.

    >>> shown("a" * 50), shown("1\n2")
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'", "'1\\n2'")
    """
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
