"""Reads predictions and dead letters for as long as the program runs, whatever the brokers do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka.errors import KafkaError

from ratecast.errors import RatecastError
from ratecast.kafka.producers import idempotent_producer
from ratecast.kafka.topic_tail import open_tail
from ratecast.kafka.topics import existing_topics

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Sequence

    from monitoring.web_metrics import WebMetrics
    from ratecast.contract.record import Record
    from ratecast.contract.wire import PredictionRow
    from ratecast.kafka.reader import TopicReader
    from ratecast.kafka.topic_tail import Place
    from ratecast.settings import Settings
    from web.entries import LetterEntry
    from web.page_memory import PageMemory

log = logging.getLogger(__name__)

# A person who looks at the page wants to know soon that the brokers are away, and soon that they are back.
_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = 8.0
_PAUSES = (0.5, 1.0, 2.0, 5.0)
_RATE_SECONDS = 5.0
_PARTITIONS_SECONDS = 30.0
_AT_ONCE = (
    100  # records between two turns of the event loop, so that a long backlog does not hold up requests
)


class Listener(Protocol):
    """Is called with each record that arrives after the program has caught up with the topics."""

    def prediction(self, row: PredictionRow) -> None:
        """Take a prediction."""

    def letter(self, letter: LetterEntry) -> None:
        """Take a dead letter."""


class TopicFeed:
    """Fills a memory from the ends of the topics, then follows them.

    Args:
        settings: the brokers and the topics.
        memory: receives the records.
        metrics: counts them.
        listeners: are called with new records, in this order.
    """

    def __init__(
        self, settings: Settings, memory: PageMemory, metrics: WebMetrics, listeners: Sequence[Listener]
    ) -> None:
        self._settings = settings.model_copy(
            update={"connect_timeout_seconds": _CONNECT_SECONDS, "give_up_seconds": _SILENCE_SECONDS}
        )
        self._tail_records = settings.web_tail_records
        self._memory = memory
        self._metrics = metrics
        self._listeners = listeners
        self._positions: dict[Place, int] = {}
        self._reader: TopicReader | None = None
        self.producer: Any = None
        self.fault: str | None = "The topics are being read for the first time."
        self.is_filled = False
        self._arrived: deque[tuple[float, int]] = deque()

    @property
    def reachable(self) -> bool:
        """Whether the topics can be read now."""
        return self._reader is not None and self._reader.reachable

    async def run(self) -> None:
        """Read until cancelled. While the topics cannot be read, ``fault`` says why."""
        attempt = 0
        while True:
            try:
                await self._read()
            except (RatecastError, KafkaError, OSError) as error:
                if self._reader is not None:
                    attempt = 0
                self._reader = self.producer = None
                self.fault = str(error)
                log.warning("the topics cannot be read, retrying: %s", error)
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1

    async def _read(self) -> None:
        settings = self._settings
        topics = (settings.output_topic, settings.dead_letter_topic)
        async with (
            open_tail(settings, topics, self._tail_records, self._positions) as reader,
            idempotent_producer(settings) as producer,
        ):
            # A prediction that arrived while the brokers were away is new to those who wait.
            await self._take_all(reader, follow=False, is_new=self.is_filled)
            self._reader, self.producer, self.fault, self.is_filled = reader, producer, None, True
            await _first_of(
                self._take_all(reader, follow=True, is_new=True), self._until_partitions_are_added(topics)
            )
        self._reader = self.producer = None

    async def _until_partitions_are_added(self, topics: Collection[str]) -> None:
        """Return when a topic has other partitions than now. A reader does not see them until it is opened again."""
        known = await existing_topics(self._settings, topics)
        while True:
            await asyncio.sleep(_PARTITIONS_SECONDS)
            if await existing_topics(self._settings, topics) != known:
                log.info("the topics have other partitions now")
                return

    async def _take_all(self, reader: TopicReader, *, follow: bool, is_new: bool) -> None:
        async with aclosing(reader.batches(follow=follow)) as batches:
            async for batch in batches:
                for number, record in enumerate(batch, 1):
                    self._take(record, is_new=is_new)
                    if number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                if is_new:
                    self._note_arrivals(sum(r.topic == self._settings.output_topic for r in batch))

    def _take(self, record: Record, *, is_new: bool) -> None:
        self._positions[record.topic, record.partition] = record.offset + 1
        if record.topic == self._settings.dead_letter_topic:
            letter = self._memory.take_letter(record)
            self._metrics.read("dead_letter")
            for listener in self._listeners if is_new else ():
                listener.letter(letter)
            return
        row = self._memory.take_prediction(record)
        self._metrics.read("unreadable" if row is None else "prediction")
        if row is not None and is_new:
            for listener in self._listeners:
                listener.prediction(row)

    def _note_arrivals(self, count: int) -> None:
        now = time.monotonic()
        self._arrived.append((now, count))
        self._drop_old_arrivals(now)

    def _drop_old_arrivals(self, now: float) -> None:
        while self._arrived and self._arrived[0][0] < now - _RATE_SECONDS:
            self._arrived.popleft()

    def messages_per_second(self) -> float:
        """Returns how many predictions arrived a second in the last five seconds."""
        self._drop_old_arrivals(time.monotonic())
        return sum(count for _, count in self._arrived) / _RATE_SECONDS


async def _first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run all of this at the same time until one ends, and raise what it raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
