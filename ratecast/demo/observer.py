"""What a reader of the topics sees while the demo runs: newest predictions, throughput, latency, backlog."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from ratecast import kafka, wire

if TYPE_CHECKING:
    from ratecast.settings import Settings
    from ratecast.wire import PredictionRow

_RATE_WINDOW_SECONDS = 2.0
_Place = tuple[int, int]


class Observer:
    """Reads inputs, predictions and dead letters side by side, as any client could.

    Args:
        settings: which topics, where.
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
        """Predictions read so far."""
        return sum(self.counts.values())

    @property
    def backlog(self) -> int:
        """Inputs read whose outcome has not been read."""
        return self.published - self.scored - self.dead_letters

    def rate(self) -> float:
        """Predictions a second over the last two seconds."""
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - _RATE_WINDOW_SECONDS:
            self._recent.popleft()
        return sum(count for _, count in self._recent) / _RATE_WINDOW_SECONDS

    async def run(self) -> None:
        """Read until cancelled."""
        settings = self._settings
        consumer = AIOKafkaConsumer(**kafka.client_options(settings), isolation_level="read_committed")
        await consumer.start()
        try:
            topics = (settings.input_topic, settings.output_topic, settings.dead_letter_topic)
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in await _partitions(consumer, topic)
            ]
            consumer.assign(partitions)
            await consumer.seek_to_beginning()
            while True:
                polled = await consumer.getmany(timeout_ms=500)
                self._take(polled, time.time() * 1000)
        finally:
            await consumer.stop()

    def _take(self, polled: dict[TopicPartition, list[object]], now_ms: float) -> None:
        for partition, records in polled.items():
            for record in records:
                if partition.topic == self._settings.input_topic:
                    self._take_input(record)
                elif partition.topic == self._settings.dead_letter_topic:
                    self.dead_letters += 1
                else:
                    self._take_prediction(wire.decode_prediction(record.value), now_ms)  # type: ignore[attr-defined]
            if partition.topic == self._settings.output_topic:
                self._recent.append((time.monotonic(), len(records)))

    def _take_input(self, record: object) -> None:
        self.published += 1
        place = (record.partition, record.offset)  # type: ignore[attr-defined]
        self._published_at[place] = record.timestamp  # type: ignore[attr-defined]
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
        """Latency of one message, once both its input and its prediction have been read."""
        if place in self._published_at and place in self._seen_at:
            published, seen = self._published_at.pop(place), self._seen_at.pop(place)
            self.latencies_ms.append(max(0.0, seen - published))


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    await consumer.topics()  # refreshes what the client knows of the cluster
    return sorted(consumer.partitions_for_topic(topic) or ())
