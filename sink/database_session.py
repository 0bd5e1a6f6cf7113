"""One session of the database: take the topics over, then move batches from Kafka into the tables until it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from ratecast.errors import OperationError, StartAgainError
from sink.batch_writer import BatchWriter
from sink.flat_rows import dead_letter_row, prediction_row
from sink.migration import migrate
from sink.positions import StoredPositions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiokafka import TopicPartition
    from psycopg import AsyncConnection

    from monitoring.sink_metrics import SinkMetrics
    from ratecast.contract.record import Record
    from ratecast.settings import Settings
    from sink.flat_rows import Row
    from sink.outcome_reader import OutcomeReader
    from sink.positions import TopicName

log = logging.getLogger(__name__)

_LOCK_SECONDS = 1.0
_PING_SECONDS = 5.0  # far below the server's idle_session_timeout


class DatabaseSession:
    """Moves records into the database as long as the connection lasts.

    Args:
        settings: the topics and the schema.
        reader: reads the topics.
        connection: the connection to write with.
        metrics: counts rows and batches.
        progressed: called whenever the database has answered or Kafka was polled; True if all that is due is written.
    """

    def __init__(
        self,
        settings: Settings,
        reader: OutcomeReader,
        connection: AsyncConnection[Any],
        metrics: SinkMetrics,
        progressed: Callable[[bool], None],
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._connection = connection
        self._metrics = metrics
        self._progressed = progressed
        self._positions = StoredPositions(connection, settings.postgres_schema)
        self._writer = BatchWriter(connection, settings.postgres_schema, self._positions)
        self._names: dict[str, TopicName] = {}
        self._keys: dict[str, int] = {}
        self._pinged = time.monotonic()
        self.is_retry = False  # after a failure, whose end is logged elsewhere

    async def take_over(self, stopping: asyncio.Event) -> bool:
        """Prepare the tables, wait until no other sink has the topics, and find where to go on; False if stopped.

        Raises:
            UsageError: the tables are not ours.
            OperationError: the stored offsets do not fit the topic.
            psycopg.Error: the database failed.
        """
        await migrate(self._connection, self._settings.postgres_schema)
        for topic in (self._settings.output_topic, self._settings.dead_letter_topic):
            name = self._names[topic] = await self._reader.name(topic)
            self._keys[topic] = await self._positions.register(name)
        waiting = False
        while not await self._positions.lock(self._keys.values()):
            if not waiting:
                log.info("another sink writes these topics to this schema: standing by")
                waiting = True
            self._progressed(True)  # noqa: FBT003 - a callback; waiting for another sink is no failure
            if await _is_set_within(stopping, _LOCK_SECONDS):
                return False
        await self._writer.prepare()
        await self._start()
        return True

    async def _start(self) -> None:
        beginnings, ends = await self._reader.bounds()
        offsets = {}
        for topic, key in self._keys.items():
            places = [place for place in self._reader.partitions if place.topic == topic]
            stored = await self._positions.load(key, [place.partition for place in places])
            for place in places:
                offset, beginning, end = stored[place.partition], beginnings[place], ends[place]
                if offset > end:  # perhaps only until a new leader has caught up
                    raise OperationError(self._beyond_the_end(place, offset, end))
                if offset < beginning:
                    await self._removed(place, key, offset, beginning)
                offsets[place] = max(offset, beginning)
            waiting = sum(ends[place] - offsets[place] for place in places)
            again = not any(stored.values()) and await self._positions.earlier(self._names[topic])
            log.log(
                logging.DEBUG if self.is_retry else logging.INFO,
                "topic %s: up to %d records are to be written%s",
                *(topic, waiting, ", of a topic that was deleted and created again" if again else ""),
            )
        self._reader.start(offsets)

    def _beyond_the_end(self, place: TopicPartition, offset: int, end: int) -> str:
        key = self._keys[place.topic]
        statement = (
            f"UPDATE {self._settings.postgres_schema}.topics SET topic_id = 'earlier' WHERE topic_key = {key}"  # noqa: S608
        )
        return (
            f"the database has {place.topic}-{place.partition} up to offset {offset}, but the topic ends at {end}: the brokers "
            f"lost records, or the topic was created again on brokers that give no topic ids. To keep the rows and read the "
            f"topic from its start: {statement}"
        )

    async def _removed(self, place: TopicPartition, key: int, offset: int, beginning: int) -> None:
        # A partition that was never read has nothing to miss: what retention removed came before this sink.
        if offset == 0:
            await self._positions.begin(key, place.partition, beginning)
            return
        records = await self._positions.removed(key, place.partition, beginning)
        self._metrics.lost_to_retention(records)
        log.error(
            "%s-%d: retention removed %d records (offsets %d to %d) before they were written to the database. Raise the "
            "topic's retention.ms or retention.bytes. Continuing at offset %d",
            *(place.topic, place.partition, records, offset, beginning - 1, beginning),
        )

    async def pump(self, stopping: asyncio.Event, *, follow: bool) -> None:
        """Write batches until stopped, or without ``follow`` until the present ends of the topics are written.

        Raises:
            StartAgainError: another sink took over, or a topic changed.
            psycopg.Error: the database failed.
        """
        goals = {} if follow else (await self._reader.bounds())[1]
        while not stopping.is_set():
            polled = await self._reader.poll()
            received = time.perf_counter()
            if polled:
                # After the poll: if the topics are the expected ones now, they were when the records were read.
                await self._reader.check(self._names.values())
            reached = await self._reached(polled)
            if reached:
                await self._write(polled, reached, received)
                # Other tasks, such as HTTP, get their turn even when every step finds its data at hand.
                await asyncio.sleep(0)
            elif time.monotonic() - self._pinged > _PING_SECONDS:
                await self._connection.execute("SELECT 1")
                await self._reader.check(self._names.values())
                self._pinged = time.monotonic()
            lags = self._reader.lags()
            self._progressed(bool(reached) or all(lag.to_read == 0 for lag in lags))
            if not follow and all(self._stored(place) >= end for place, end in goals.items()):
                return

    def _stored(self, place: TopicPartition) -> int:
        return self._positions.next_offset(self._keys[place.topic], place.partition)

    async def _reached(self, polled: Mapping[TopicPartition, list[Record]]) -> dict[TopicPartition, int]:
        """Return the new offset of each partition that has moved. Markers of transactions move it without a record."""
        reached = {}
        for place in self._reader.partitions:
            records = polled.get(place)
            offset = records[-1].offset + 1 if records else await self._reader.passed(place)
            if offset > self._stored(place):
                reached[place] = offset
        return reached

    async def _write(
        self,
        polled: Mapping[TopicPartition, list[Record]],
        reached: Mapping[TopicPartition, int],
        received: float,
    ) -> None:
        rows: list[Row] = []
        for place, records in polled.items():
            make = prediction_row if place.topic == self._settings.output_topic else dead_letter_row
            rows += [make(record, self._keys[place.topic]) for record in records]
        moves = {(self._keys[place.topic], place.partition): offset for place, offset in reached.items()}
        try:
            written = await self._writer.write(rows, moves)
        except StartAgainError:
            self._metrics.overtaken()
            raise
        self._pinged = time.monotonic()
        self._metrics.committed(written.rows, written.already_there, time.perf_counter() - received)
        if known := sum(written.already_there.values()):
            log.warning("%d of %d records were in the tables already, and stay as they are", known, len(rows))
        for place, offset in reached.items():
            newest = polled[place][-1].timestamp if place in polled else None
            self._reader.stored(place, offset, newest)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
