"""Dated rates read back from the input topic: the rate of each pair and day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ratecast.contract import dates, inputs
from ratecast.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.inputs import History
    from ratecast.contract.record import Record

_FLUSH_RATES = 200_000  # of a pair, after which days that occurred again are dropped, to bound memory


@dataclass(frozen=True)
class PairRates:
    """The rates of one pair in the topic."""

    days: NDArray[np.datetime64]  # (n,), ascending, each day once
    rates: NDArray[np.float64]  # (n,)


@dataclass(frozen=True)
class TopicRates:
    """The rates in a topic.

    Attributes:
        messages: number of messages read.
        dated: messages whose rates were used.
        undated: messages with neither ``times`` nor ``as_of``, so that the days of their rates are unknown.
        disordered: messages whose ``times`` do not ascend. Their rates may be in another order than their ``times``,
            so each may belong to another day.
        undecodable: messages that are no histories; workers make dead letters of them.
        pairs: the rates, by pair.
    """

    messages: int
    dated: int
    undated: int
    disordered: int
    undecodable: int
    pairs: dict[str, PairRates]


class _Quotes(NamedTuple):
    """Rates of a pair, each with the place of its message; parallel arrays."""

    day: NDArray[np.int64]  # since 1970-01-01
    rate: NDArray[np.float64]
    timestamp: NDArray[np.int64]
    partition: NDArray[np.int64]
    offset: NDArray[np.int64]


class Gatherer:
    """Collects rates from messages in any order.

    If several messages have a rate for a day, the latest message counts: the one with the latest broker timestamp, then
    the highest partition and offset. With ``times``, every rate of a message has a date. With ``as_of`` alone, only the
    last one has. With ``times`` that do not ascend, none has.

    Args:
        default_pair: pair used for messages that do not name one, as in scoring.
        max_message_bytes: longer values are not decoded, as in scoring.
    """

    def __init__(self, default_pair: str, max_message_bytes: int) -> None:
        self._default_pair = default_pair
        self._max_bytes = max_message_bytes
        self._quotes: dict[str, list[_Quotes]] = defaultdict(list)
        self._waiting: dict[str, int] = defaultdict(int)
        self._messages = self._undated = self._disordered = self._undecodable = 0

    def add(self, records: Sequence[Record]) -> None:
        """Collect the rates of some records."""
        self._messages += len(records)
        decoded = inputs.decode_histories([record.value for record in records], self._max_bytes)
        for record, history in zip(records, decoded, strict=True):
            if isinstance(history, RecordError):
                self._undecodable += 1
                continue
            days = _days(history)
            if not len(days):
                self._undated += 1
                continue
            if (np.diff(days) <= 0).any():
                self._disordered += 1
                continue
            self._take(history.pair or self._default_pair, record, days, history.history[-len(days) :])

    def _take(self, pair: str, record: Record, days: NDArray[np.int64], rates: Sequence[float]) -> None:
        place = (record.timestamp, record.partition, record.offset)
        self._quotes[pair].append(
            _Quotes(days, np.array(rates), *(np.full(len(days), number, dtype=np.int64) for number in place))
        )
        self._waiting[pair] += len(days)
        if self._waiting[pair] >= _FLUSH_RATES:
            self._quotes[pair] = [_latest(self._quotes[pair])]
            self._waiting[pair] = 0

    def result(self) -> TopicRates:
        """Return everything that was collected."""
        pairs: dict[str, PairRates] = {}
        for pair in sorted(self._quotes):
            quotes = _latest(self._quotes[pair])
            pairs[pair] = PairRates(quotes.day.astype("datetime64[D]"), quotes.rate)
        dated = self._messages - self._undated - self._disordered - self._undecodable
        return TopicRates(self._messages, dated, self._undated, self._disordered, self._undecodable, pairs)


def _days(history: History) -> NDArray[np.int64]:
    """Return the days since 1970-01-01 of those newest rates of a history that have a date."""
    if history.times is not None:
        return np.array(history.times, dtype="datetime64[D]").astype(np.int64)
    if history.as_of is not None:
        return np.array([dates.day_number(history.as_of)])
    return np.zeros(0, dtype=np.int64)


def _latest(parts: Sequence[_Quotes]) -> _Quotes:
    """Return the latest rate of each day, in the order of days."""
    quotes = _Quotes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.lexsort((quotes.offset, quotes.partition, quotes.timestamp, quotes.day))
    day = quotes.day[order]
    last = order[np.append(day[1:] != day[:-1], True)]
    return _Quotes(*(column[last] for column in quotes))
