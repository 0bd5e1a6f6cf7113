"""The newest predictions of each pair, alerts and dead letters: everything that the page and the door answer from.

It is bounded whatever stands on the topics: a fixed number of pairs, of predictions a pair and of bytes a prediction.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from ratecast.contract.messages import PAIR_PATTERN
from ratecast.contract.wire import decode_prediction
from web.entries import AlertEntry, LetterEntry, alert_entries, letter_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.contract.record import Record
    from ratecast.contract.wire import PredictionRow

MOST_PAIRS = 500
MOST_BYTES = 16_384  # a prediction with all optional fields has 4,000
_MOST_ALERTS = 500
_MOST_LETTERS = 500
_is_pair = re.compile(PAIR_PATTERN).fullmatch
_LONGEST_ID = 512  # `topic-partition-offset`, and Kafka allows a topic 249 characters


@dataclass(slots=True)
class PairMemory:
    """The newest predictions of one pair in the order in which they arrived.

    Attributes:
        rows: the predictions.
        version: number of the record that last changed them, counted over all pairs.
    """

    rows: deque[PredictionRow]
    version: int = 0


@dataclass(slots=True)
class PageMemory:
    """What was read from the topics.

    Attributes:
        per_pair: how many predictions to keep of each pair.
        pairs: pair -> its predictions, the pair that was updated last at the end.
        alerts: the newest alerts, oldest first.
        letters: the newest dead letters, oldest first.
        version: grows with each record.
        predictions: number of predictions read.
        dead_letters: number of dead letters read.
        newest_ms: the newest broker timestamp of a prediction, in milliseconds since 1970.
    """

    per_pair: int
    pairs: dict[str, PairMemory] = field(default_factory=dict)
    alerts: deque[AlertEntry] = field(default_factory=lambda: deque(maxlen=_MOST_ALERTS))
    letters: deque[LetterEntry] = field(default_factory=lambda: deque(maxlen=_MOST_LETTERS))
    version: int = 0
    predictions: int = 0
    dead_letters: int = 0
    newest_ms: int | None = None
    _by_id: dict[str, PredictionRow] = field(default_factory=dict)

    def take_prediction(self, record: Record) -> PredictionRow | None:
        """Add a record of the predictions' topic and return it; None if it is no prediction."""
        row = decoded(record.value)
        if row is None:
            return None
        self.version += 1
        self.predictions += 1
        self.newest_ms = max(self.newest_ms or 0, record.timestamp)
        self._add(row)
        self.alerts.extend(alert_entries(row, record, self.version))
        return row

    def take_letter(self, record: Record) -> LetterEntry:
        """Add a record of the dead-letter topic, whoever wrote it, and return it."""
        self.version += 1
        self.dead_letters += 1
        letter = letter_entry(record, self.version)
        self.letters.append(letter)
        return letter

    def find(self, message_id: str) -> PredictionRow | None:
        """Return the prediction made from a message, if it is still remembered."""
        return self._by_id.get(message_id)

    def find_letter(self, message_id: str) -> LetterEntry | None:
        """Return the dead letter made from a message, if it is still remembered."""
        return next((letter for letter in reversed(self.letters) if letter.message_id == message_id), None)

    def newest(self, pair: str | None, limit: int) -> list[PredictionRow]:
        """Return the newest predictions, newest first; of all pairs by the time of scoring."""
        if pair is not None:
            memory = self.pairs.get(pair)
            return [] if memory is None else list(_last(memory.rows, limit))
        rows = [row for memory in self.pairs.values() for row in _last(memory.rows, limit)]
        rows.sort(key=lambda row: row.scored_at, reverse=True)
        return rows[:limit]

    def _add(self, row: PredictionRow) -> None:
        memory = self.pairs.pop(row.pair, None)
        if memory is None:
            if len(self.pairs) >= MOST_PAIRS:
                self._forget(next(iter(self.pairs)))
            memory = PairMemory(deque())
        self.pairs[row.pair] = memory
        if len(memory.rows) >= self.per_pair:
            self._forget_id(memory.rows.popleft())
        memory.rows.append(row)
        memory.version = self.version
        self._by_id[row.message_id] = row

    def _forget(self, pair: str) -> None:
        for row in self.pairs.pop(pair).rows:
            self._forget_id(row)

    def _forget_id(self, row: PredictionRow) -> None:
        if self._by_id.get(row.message_id) is row:  # a redelivered message has the id of an earlier one
            del self._by_id[row.message_id]


def _last(rows: deque[PredictionRow], limit: int) -> Iterator[PredictionRow]:
    for _, row in zip(range(limit), reversed(rows), strict=False):
        yield row


def decoded(value: bytes | None) -> PredictionRow | None:
    """Return a prediction; None if the value is none, because anybody may write to the topic."""
    if not value or len(value) > MOST_BYTES:
        return None
    try:
        row = decode_prediction(value)
    except (msgspec.DecodeError, UnicodeDecodeError):  # msgspec raises both
        return None
    if not _is_pair(row.pair) or len(row.message_id) > _LONGEST_ID:
        return None
    return row
