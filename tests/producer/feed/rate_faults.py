"""Wrong rates as sources have published them: each takes what is published and returns what is sent instead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

Distortion = Callable[[Mapping[dt.date, Mapping[str, str]]], dict[dt.date, dict[str, str]]]


def _newest(change: Callable[[dict[str, str]], dict[str, str]]) -> Distortion:
    def distort(days: Mapping[dt.date, Mapping[str, str]]) -> dict[dt.date, dict[str, str]]:
        newest = max(days)
        return {day: change(dict(rates)) if day == newest else dict(rates) for day, rates in days.items()}

    return distort


def replaced(currency: str, rate: str) -> Distortion:
    """The newest rate of a currency is another text."""
    return _newest(lambda rates: {**rates, currency: rate})


def multiplied(currency: str, factor: float) -> Distortion:
    """The newest rate of a currency is a factor wrong."""
    return _newest(lambda rates: {**rates, currency: f"{float(rates[currency]) * factor:.6g}"})


def inverted() -> Distortion:
    """Base and quote of the newest day are swapped."""
    return _newest(lambda rates: {name: f"{1 / float(rate):.6g}" for name, rate in rates.items()})


def noisy() -> Distortion:
    """The newest rates carry the noise of floating point."""
    return _newest(lambda rates: {name: repr(float(rate) * (1 + 2e-15)) for name, rate in rates.items()})


def ended(currency: str) -> Distortion:
    """The newest day lacks a currency."""
    return _newest(lambda rates: {name: rate for name, rate in rates.items() if name != currency})


def with_base_itself() -> Distortion:
    """The newest day lists the euro."""
    return _newest(lambda rates: {"EUR": "1", **rates})


def dated(day: dt.date) -> Distortion:
    """The newest rates are sent for another day too: a weekend, a holiday, or one far in the future."""
    return lambda days: dict(sorted({**days, day: days[max(days)]}.items()))  # type: ignore[arg-type, return-value]
