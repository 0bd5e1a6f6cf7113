"""Rates, tables and records for the tests of the feed. The rates are invented."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from producer.feed.published_rates import SOURCE_HEADER, PublishedRates
from ratecast.rates.tables import RateTable
from ratecast.rates.target_days import is_target_day

if TYPE_CHECKING:
    from collections.abc import Iterable

    from producer.feed.next_histories import NextHistories

PAIRS = ("EUR/USD", "EUR/GBP", "GBP/USD")
FIRST = dt.date(2025, 6, 2)


@dataclass
class PublishedRecord:
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...] = ((SOURCE_HEADER, b"ecb"),)
    key: bytes | None = None
    topic: str = "rate-histories"
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


@dataclass
class Market:
    """Rates of every TARGET day that a test may change: currency -> day -> units for a euro."""

    last: dt.date = dt.date(2026, 12, 31)
    changes: dict[tuple[str, dt.date], float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = (self.last - FIRST).days + 1
        self.days = [day for i in range(count) if is_target_day(day := FIRST + dt.timedelta(days=i))]
        steps = np.random.default_rng(1).normal(0, 0.004, (2, len(self.days)))
        self.rates = {
            currency: np.round(level * np.exp(np.cumsum(step)), 4)
            for currency, level, step in zip(("USD", "GBP"), (1.15, 0.86), steps, strict=True)
        }

    def change(self, currency: str, day: str, factor: float | None) -> None:
        """Multiply a rate, or take it away."""
        self.changes[currency, dt.date.fromisoformat(day)] = factor

    def table(self, until: dt.date, since: dt.date | None = None) -> RateTable:
        """The rates up to a day."""
        days = [day for day in self.days if (since is None or day >= since) and day <= until]
        at = [self.days.index(day) for day in days]
        columns = {}
        for currency, rates in self.rates.items():
            column = rates[at].copy()
            for (changed, day), factor in self.changes.items():
                if changed == currency and day in days:
                    column[days.index(day)] *= np.nan if factor is None else factor
            columns[f"EUR/{currency}"] = column
        return RateTable("a test", np.array(days, dtype="datetime64[D]"), columns)


def published(found: Iterable[NextHistories] = (), source: str | None = "ecb") -> PublishedRates:
    """What a topic has after these were published."""
    rates = PublishedRates(PAIRS, 10**6)
    for one in found:
        publish(rates, one, source)
    return rates


def publish(rates: PublishedRates, found: NextHistories, source: str | None = "ecb") -> None:
    """Take messages as a reader of the topic does."""
    headers = () if source is None else ((SOURCE_HEADER, source.encode()),)
    records = [PublishedRecord(message.value, headers) for message in found.messages]
    rates.take(records, dt.date(2026, 12, 31))
