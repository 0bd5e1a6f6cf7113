"""Dated rates read back from the input topic: what the feed has said of each pair and day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ratecast.contract import dates, wire
from ratecast.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.record import Record
    from ratecast.contract.wire import History

_FLUSH_RATES = 200_000  # of a pair, before days that were said again are dropped: bounds memory


@dataclass(frozen=True)
class PairRates:
    """What the topic says of a pair."""

    days: NDArray[np.datetime64]  # (n,), ascending, no day twice
    rates: NDArray[np.float64]  # (n,)


@dataclass(frozen=True)
class TopicRates:
    """What a topic says.

    Attributes:
        messages: how many were read.
        dated: messages that rates were taken from.
        undated: messages without ``times`` and ``as_of``: nothing says which days their rates are of.
        disordered: messages whose ``times`` do not ascend from each to the next: one cannot tell whether their rates
            are in the same order, and each might be of another day.
        undecodable: messages that are no histories; workers make dead letters of them.
        pairs: the rates, by pair.
    """

    messages: int
    dated: int
    undated: int
    disordered: int
    undecodable: int
    pairs: dict[str, PairRates]


class _Said(NamedTuple):
    """Rates of a pair with the place of the message that said each; parallel arrays."""

    day: NDArray[np.int64]  # since 1970-01-01
    rate: NDArray[np.float64]
    timestamp: NDArray[np.int64]
    partition: NDArray[np.int64]
    offset: NDArray[np.int64]


class Gatherer:
    """Collects rates from messages in any order.

    For a day said more than once the latest message wins: the one with the latest broker timestamp, then the
    highest partition and offset. A message with ``times`` dates each of its rates, one with ``as_of`` alone only
    the last; one whose ``times`` do not ascend dates none.

    Args:
        default_pair: of messages that name none, as in scoring.
        max_message_bytes: longer values are not decoded, as in scoring.
    """

    def __init__(self, default_pair: str, max_message_bytes: int) -> None:
        self._default_pair = default_pair
        self._max_bytes = max_message_bytes
        self._said: dict[str, list[_Said]] = defaultdict(list)
        self._waiting: dict[str, int] = defaultdict(int)
        self._messages = self._undated = self._disordered = self._undecodable = 0

    def add(self, records: Sequence[Record]) -> None:
        """Take in some records."""
        self._messages += len(records)
        decoded = wire.decode_histories([record.value for record in records], self._max_bytes)
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
        self._said[pair].append(
            _Said(days, np.array(rates), *(np.full(len(days), number, dtype=np.int64) for number in place))
        )
        self._waiting[pair] += len(days)
        if self._waiting[pair] >= _FLUSH_RATES:
            self._said[pair] = [_latest(self._said[pair])]
            self._waiting[pair] = 0

    def result(self) -> TopicRates:
        """All that was taken in."""
        pairs: dict[str, PairRates] = {}
        for pair in sorted(self._said):
            said = _latest(self._said[pair])
            pairs[pair] = PairRates(said.day.astype("datetime64[D]"), said.rate)
        dated = self._messages - self._undated - self._disordered - self._undecodable
        return TopicRates(self._messages, dated, self._undated, self._disordered, self._undecodable, pairs)


def _days(history: History) -> NDArray[np.int64]:
    """Days since 1970-01-01 of a history's newest rates; as many as are dated."""
    if history.times is not None:
        return np.array(history.times, dtype="datetime64[D]").astype(np.int64)
    if history.as_of is not None:
        return np.array([dates.day_number(history.as_of)])
    return np.zeros(0, dtype=np.int64)


def _latest(parts: Sequence[_Said]) -> _Said:
    """One rate a day, in the order of days."""
    said = _Said(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.lexsort((said.offset, said.partition, said.timestamp, said.day))
    day = said.day[order]
    last = order[np.append(day[1:] != day[:-1], True)]
    return _Said(*(column[last] for column in said))
