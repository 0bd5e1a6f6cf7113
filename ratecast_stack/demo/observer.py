"""A reader of the topics that measures the demo: newest predictions, throughput, latency, backlog."""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import aclosing
from typing import TYPE_CHECKING

from ratecast.contract import wire
from ratecast.kafka.reader import open_reader

if TYPE_CHECKING:
    from ratecast.contract.record import Record
    from ratecast.contract.wire import PredictionRow
    from ratecast.settings import Settings

_RATE_WINDOW_SECONDS = 2.0
_Place = tuple[int, int]


class Observer:
    """Reads inputs, predictions and dead letters, as any client could.

    Args:
        settings: the brokers and the topics.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.newest: dict[str, PredictionRow] = {}
        self.counts: Counter[str] = Counter()
        self.drifted: Counter[str] = Counter()
        self.rows: dict[str, list[PredictionRow]] = {}
        self.dead_letters = 0
        self.published = 0
        self._published_at: dict[_Place, int] = {}  # broker timestamps of inputs, ms
        self._seen_at: dict[_Place, float] = {}  # when their prediction was readable, ms
        self.latencies_ms: list[float] = []
        self._recent: deque[tuple[float, int]] = deque()

    @property
    def scored(self) -> int:
        """The number of predictions read so far."""
        return sum(self.counts.values())

    @property
    def backlog(self) -> int:
        """The number of inputs read whose outcome has not been read."""
        return self.published - self.scored - self.dead_letters

    def rate(self) -> float:
        """Returns predictions a second over the last two seconds."""
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - _RATE_WINDOW_SECONDS:
            self._recent.popleft()
        return sum(count for _, count in self._recent) / _RATE_WINDOW_SECONDS

    async def run(self) -> None:
        """Read until cancelled.

        Raises:
            OperationError: a topic is missing or cannot be read.
        """
        settings = self._settings
        topics = (settings.input_topic, settings.output_topic, settings.dead_letter_topic)
        async with (
            open_reader(settings, topics, from_beginning=True) as reader,
            aclosing(reader.batches(follow=True)) as batches,
        ):
            async for records in batches:
                self._take(records, time.time() * 1000)

    def _take(self, records: list[Record], now_ms: float) -> None:
        before = self.scored
        for record in records:
            if record.topic == self._settings.input_topic:
                self._take_input(record)
            elif record.topic == self._settings.dead_letter_topic:
                self.dead_letters += 1
            elif record.value is not None:
                self._take_prediction(wire.decode_prediction(record.value), now_ms)
        self._recent.append((time.monotonic(), self.scored - before))

    def _take_input(self, record: Record) -> None:
        self.published += 1
        place = (record.partition, record.offset)
        self._published_at[place] = record.timestamp
        self._match(place)

    def _take_prediction(self, row: PredictionRow, now_ms: float) -> None:
        self.newest[row.pair] = row
        self.counts[row.pair] += 1
        self.drifted[row.pair] += row.drift.is_drift
        self.rows.setdefault(row.pair, []).append(row)
        place = (row.source.partition, row.source.offset)
        self._seen_at[place] = now_ms
        self._match(place)

    def _match(self, place: _Place) -> None:
        """Note the latency of a message as soon as both its input and its prediction have been read."""
        if place in self._published_at and place in self._seen_at:
            published, seen = self._published_at.pop(place), self._seen_at.pop(place)
            self.latencies_ms.append(max(0.0, seen - published))
