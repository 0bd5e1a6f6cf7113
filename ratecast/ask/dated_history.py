"""Turns the rates that a caller has, with or without dates, into the history of a message."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ratecast.contract.messages import MAX_HISTORY
from ratecast.errors import UsageError

# Rates, the oldest first; or a dict or pandas Series of rates by date, in any order.
Rates = Iterable[float] | Mapping[Any, float]


@dataclass(frozen=True, slots=True)
class DatedHistory:
    """The newest rates of a pair, oldest first, and their days if they are known."""

    rates: list[float]
    days: list[dt.date] | None

    @property
    def last_date(self) -> dt.date | None:
        """Day of the newest rate; None if unknown."""
        return None if self.days is None else self.days[-1]


def dated_history(pair: str, given: Rates) -> DatedHistory:
    """Return the history that some rates make; of more rates than a message may have, the newest ones.

    Rates by date are sorted by it, and NaN among them is a day without a rate.

    Raises:
        UsageError: something is no number, no date, or there twice.

    >>> dated_history("EUR/GBP", {"2026-10-30": 0.86, "2026-10-29": 0.87}).rates
    [0.87, 0.86]
    """
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise UsageError(f"{pair}: give a list of rates, or rates by date, not {str(given)[:40]!r}")
    items = getattr(given, "items", None)  # a Series is no Mapping, but has items
    if items is None:
        rates = [_number(pair, rate) for rate in given]
        if any(map(math.isnan, rates)):
            raise UsageError(f"{pair}: NaN is no rate; only rates by date may have holes")
        return DatedHistory(rates[-MAX_HISTORY:], None)
    by_day: dict[dt.date, float] = {}
    for key, rate in items():
        day, number = _day(pair, key), _number(pair, rate)
        if day in by_day:
            raise UsageError(f"{pair}: {day} occurs twice")
        if not math.isnan(number):
            by_day[day] = number
    days = sorted(by_day)[-MAX_HISTORY:]
    return DatedHistory([by_day[day] for day in days], days or None)


def _number(pair: str, value: Any) -> float:
    try:
        # float alone also accepts "0.85" and True.
        if isinstance(value, (str, bytes, bool)):
            raise TypeError  # noqa: TRY301 - reported like any other value that is no number
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{pair}: {str(value)[:40]!r} is not a number") from None


def _day(pair: str, key: Any) -> dt.date:
    if isinstance(key, np.datetime64):
        key = key.astype("datetime64[D]").item()
    if isinstance(key, dt.datetime):  # pandas' Timestamp is one
        return key.date()
    if isinstance(key, dt.date):
        return key
    try:
        return dt.date.fromisoformat(key)
    except (TypeError, ValueError):
        shown = str(key)[:40]
        raise UsageError(
            f"{pair}: {shown!r} is not a date like 2026-10-30; rates without dates are a list"
        ) from None
