"""Collects predictions of a span of days into one table for each pair, and counts what is left out."""

from __future__ import annotations

import datetime as dt
import math
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratecast.contract.alerts import MARKET_ALERTS, Alert
from ratecast.model.features import FEATURE_NAMES
from ratecast.rates.closed_days import SATURDAY, weekdays

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from ratecast.contract.wire import PredictionRow

_RETURN = FEATURE_NAMES.index("return_1")
_WIDTH = 10  # numbers kept for a prediction: five features, the forecast, two bounds of each range


@dataclass(frozen=True)
class PairMessages:
    """The predictions of one pair in order of time, at most one for each time.

    Attributes:
        pair: name of the pair.
        when: ``as_of`` in UTC, microseconds, ascending, ``(n,)``.
        features: columns ``FEATURE_NAMES``, ``(n, 5)``.
        prediction: ``(n,)``.
        lower: columns ``LEVELS``, ``(n, 2)``.
        upper: columns ``LEVELS``, ``(n, 2)``.
        alerts: row -> code -> words; only rows with alerts.
    """

    pair: str
    when: NDArray[np.datetime64]
    features: NDArray[np.float64]
    prediction: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    alerts: Mapping[int, Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.when)

    @property
    def rates(self) -> NDArray[np.float64]:
        """The newest rate of each message, ``(n,)``."""
        return self.features[:, 0]

    def marked(self, *, besides: Collection[str] = MARKET_ALERTS) -> NDArray[np.bool_]:
        """Which messages carry an alert other than ``besides``, ``(n,)``; by default an alert of a feed fault."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[[row for row, found in self.alerts.items() if any(code not in besides for code in found)]] = True
        return mask

    def carrying(self, code: Alert) -> NDArray[np.bool_]:
        """Which messages carry the alert ``code``, ``(n,)``."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[[row for row, found in self.alerts.items() if code in found]] = True
        return mask

    def weekend_copies(self) -> NDArray[np.bool_]:
        """Which messages have a newest rate of a weekend that only repeats the rate before it, ``(n,)``."""
        weekend = weekdays(self.when.astype("datetime64[D]").astype(np.int64)) >= SATURDAY
        still: NDArray[np.bool_] = self.features[:, _RETURN] == 0
        return self.carrying(Alert.CARRIED_FORWARD) & weekend & still

    def day(self, row: int) -> str:
        """Returns the ``as_of`` of a message: a day, with the time if it has one."""
        text = str(self.when[row].astype("datetime64[m]"))
        return text[:10] if text.endswith("T00:00") else text.replace("T", " ")


@dataclass(frozen=True)
class Messages:
    """The predictions of a span, and the number of those left out.

    Attributes:
        pairs: name -> predictions, for pairs that the model knows, in the order of the model.
        unknown: pair that the model does not know -> number of messages.
        versions: model version -> number of messages in the span.
        undated: messages without a readable ``as_of``, which may or may not belong to the span.
        outside: dated messages before or after the span.
        repeated: messages replaced by a later one with the same pair and time.
        unreadable: records that are not predictions, or that contain an invalid rate.
        seen: first and last day of all dated messages, also outside the span; None if there are none.
    """

    pairs: dict[str, PairMessages]
    unknown: dict[str, int]
    versions: dict[str, int]
    undated: int
    outside: int
    repeated: int
    unreadable: int
    seen: tuple[dt.date, dt.date] | None

    def __len__(self) -> int:
        return sum(map(len, self.pairs.values()))


@dataclass
class _Columns:
    when: array[int] = field(default_factory=lambda: array("q"))  # microseconds since 1970
    scored: array[float] = field(default_factory=lambda: array("d"))  # seconds since 1970
    numbers: array[float] = field(default_factory=lambda: array("d"))
    alerts: dict[int, dict[str, str]] = field(default_factory=dict)


class Collector:
    """Collects predictions in any order and keeps those of a span, at about a hundred bytes each.

    Args:
        known: pairs of the model.
        start: first day of ``as_of`` in UTC; the oldest when None.
        end: last day of ``as_of`` in UTC; the newest when None.
        pairs: keep only these pairs; all when empty.
    """

    def __init__(
        self,
        known: Collection[str],
        start: dt.date | None = None,
        end: dt.date | None = None,
        pairs: Collection[str] = (),
    ) -> None:
        self._known = tuple(known)
        self._start, self._end = start or dt.date.min, end or dt.date.max
        self._wanted = frozenset(pairs)
        self._columns: defaultdict[str, _Columns] = defaultdict(_Columns)
        self._versions: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._undated = self._outside = 0
        self._seen: tuple[dt.date, dt.date] | None = None
        self.unreadable = 0

    def add(self, row: PredictionRow) -> None:
        """Add a prediction."""
        if self._wanted and row.pair not in self._wanted:
            return
        when = _utc(row.as_of)
        if when is None:
            self._undated += 1
            return
        day = when.date()
        self._seen = (min(day, self._seen[0]), max(day, self._seen[1])) if self._seen else (day, day)
        if not self._start <= day <= self._end:
            self._outside += 1
            return
        numbers = _numbers(row)
        if numbers is None:
            self.unreadable += 1
            return
        self._versions[row.model_version] += 1
        if row.pair not in self._known:
            self._unknown[row.pair] += 1
            return
        columns = self._columns[row.pair]
        if row.alerts:
            words = {} if row.alert_messages is msgspec.UNSET else row.alert_messages
            columns.alerts[len(columns.when)] = {
                code: words.get(code) or code.replace("_", " ") for code in row.alerts
            }
        columns.when.append(round((when - _EPOCH) / _MICROSECOND))
        scored = _utc(row.scored_at)
        columns.scored.append(-math.inf if scored is None else scored.timestamp())
        columns.numbers.extend(numbers)

    def messages(self) -> Messages:
        """Returns everything added so far."""
        tables = {pair: _table(pair, self._columns[pair]) for pair in self._known if pair in self._columns}
        added = sum(len(columns.when) for columns in self._columns.values())
        return Messages(
            pairs=tables,
            unknown=dict(self._unknown),
            versions=dict(self._versions.most_common()),
            undated=self._undated,
            outside=self._outside,
            repeated=added - sum(map(len, tables.values())),
            unreadable=self.unreadable,
            seen=self._seen,
        )


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def _utc(text: str | None) -> dt.datetime | None:
    """Returns an ISO 8601 date or date-time in UTC, which is also the default zone; None if it cannot be read."""
    try:
        when = dt.datetime.fromisoformat(text or "")
        return when.replace(tzinfo=dt.UTC) if when.tzinfo is None else when.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _numbers(row: PredictionRow) -> tuple[float, ...] | None:
    """Returns the numbers of a prediction; None if a rate is not positive, which no worker publishes."""
    features = row.features
    (low_80, high_80), (low_95, high_95) = row.intervals.level_80, row.intervals.level_95
    rates = (features.lag_1, features.lag_2, features.lag_3, row.prediction, low_80, low_95, high_80, high_95)
    if not min(rates) > 0:
        return None
    return (*rates[:3], features.return_1, features.return_2, *rates[3:])


def _table(pair: str, columns: _Columns) -> PairMessages:
    """Returns the predictions of a pair sorted by time; of several with the same time the one scored last."""
    when = np.frombuffer(columns.when, np.int64)
    order = np.lexsort(
        (np.frombuffer(columns.scored, np.float64), when)
    )  # stable: of equal ones the later added
    kept = order[np.append(when[order][1:] != when[order][:-1], True)]
    numbers = np.frombuffer(columns.numbers, np.float64).reshape(-1, _WIDTH)[kept]
    alerts = {
        row: columns.alerts[position]
        for row, position in enumerate(kept.tolist())
        if position in columns.alerts
    }
    return PairMessages(
        pair,
        when[kept].astype("datetime64[us]"),
        numbers[:, :5],
        numbers[:, 5],
        numbers[:, 6:8],
        numbers[:, 8:10],
        alerts,
    )
