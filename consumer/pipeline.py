"""One input partition, from end to end: poll, score, publish and commit."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
)

from consumer.isolation import Isolation
from consumer.outcomes import Outcomes
from consumer.publishing import OutputRejectedError, Progress
from consumer.recovery import Recovery
from consumer.unreadable_batches import is_unreadable, unreadable
from monitoring.lag import LagTracker
from ratecast.contract import commit_note
from ratecast.contract.commit_note import CommitNote, Committed
from ratecast.errors import FencedError
from ratecast.kafka import tolerant_records
from ratecast.kafka.broker_errors import InvalidRecordError, is_group_error
from ratecast.kafka.closing import is_cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from aiokafka import TopicPartition

    from consumer.publishing import Publisher
    from consumer.surroundings import Surroundings
    from monitoring.lag import PartitionLag
    from ratecast.contract.record import Record
    from ratecast.scoring.scorer import ScoredBatch

log = logging.getLogger(__name__)

_POLL_TIMEOUT_MS = 1000
T = TypeVar("T")


class PartitionPipeline:
    """Scores one partition while it is assigned; each partition fails, waits and recovers alone.

    Recovery from every failure is the same as the first start: a new transactional producer settles what
    the old one left, the committed offset says what is done, and polling begins there.

    Args:
        source: the input partition.
        around: what it shares with the worker's other pipelines.
    """

    def __init__(self, source: TopicPartition, around: Surroundings) -> None:
        self.source = source
        self.name = f"{source.topic}-{source.partition}"
        self.polled_at = time.monotonic()
        self._around = around
        self._settings = around.settings
        self._consumer = around.consumer
        self._metrics = around.metrics
        self._isolation = Isolation(
            around.settings.scoring_failures_in_a_row, around.settings.scoring_failures_share
        )
        self._recovery = Recovery(self.name, around.settings.give_up_seconds)
        self._lag = LagTracker(source.topic, source.partition)
        self._publisher: Publisher | None = None
        self._outcomes: Outcomes | None = None
        self._note = CommitNote()
        self._refusal: KafkaError | None = None  # why the last batch was not taken
        self._stopping = asyncio.Event()
        self._waiting: asyncio.Future[Any] | None = None

    @property
    def blocked(self) -> str | None:
        """Why this partition stands still while others go on; None when it does not."""
        return self._recovery.blocked

    async def run(self) -> None:
        """Work until `stop`; a failure is retried until the limit.

        Raises:
            OperationError: the partition failed for longer than ``give_up_seconds``, or the model fails.
        """
        while not self._stopping.is_set():
            try:
                await self._take_over()
                while records := await self._poll():
                    started = time.perf_counter()
                    batch = self._isolation.score(self._score, records)
                    await self._publish(batch, records, time.perf_counter() - started)
            except FencedError:
                await self._step_back()
            except KafkaError as error:
                await self._pause(self._recovery.failed(error))
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                # The client lets its own tasks' cancellations out. Nobody asked this pipeline to end, and
                # ending unasked would leave its partition without a reader for as long as the group holds.
                await self._pause(self._recovery.failed(KafkaError("the client gave up a task of its own")))
            finally:
                await self._release()

    def _score(self, records: Sequence[Record]) -> ScoredBatch:
        return self._around.scorer().score(records, dt.datetime.now(dt.UTC), self._note.topic_id)

    def stop(self) -> None:
        """Finish the batch in hand and end; a pipeline that waits for records ends at once."""
        self._stopping.set()
        if self._waiting is not None:
            self._waiting.cancel()

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of some work that `stop` breaks off at once; None when it did."""
        self._waiting = asyncio.ensure_future(work)
        try:
            result: T = await self._waiting
        except asyncio.CancelledError:
            if self._stopping.is_set():
                return None
            raise
        finally:
            self._waiting = None
        return result

    async def _take_over(self) -> None:
        """Fence the last owner; only then is the committed offset final, and only there may reading begin."""
        async with self._deadline("taking over"):
            self._publisher = self._around.publisher(self.source)
            await self._publisher.start()
            # Outputs keep their input's partition number, so a pair keeps its order.
            output, letters = [
                self.source.partition % await self._publisher.partitions(topic)
                for topic in (self._settings.output_topic, self._settings.dead_letter_topic)
            ]
            start = await self._around.beginning.of(self.source, output, self._reached())
            # Always: the client's own idea of the position may be of a topic that is gone, or none at all.
            self._consumer.seek(self.source, start.offset)
            self._lag.positioned(start.offset)
            self._note = start.note
            self._outcomes = Outcomes(
                self._settings, self._around.limits, output, letters, self._note.topic_id
            )

    def _reached(self) -> Committed | None:
        """Where this pipeline stands, once it has begun."""
        position = self._lag.position
        return None if position is None else Committed(position, self._note)

    async def _poll(self) -> Sequence[Record]:
        """The next records, as soon as there are any; none when stopping."""
        limit = self._settings.max_poll_records
        while not self._stopping.is_set():
            self.polled_at = time.monotonic()
            polling = self._consumer.getmany(self.source, timeout_ms=_POLL_TIMEOUT_MS, max_records=limit)
            try:
                polled = await self._unless_stopped(polling)
            except Exception as error:
                if not is_unreadable(error):
                    self._hear(error)
                    raise
                if not tolerant_records.install():
                    raise unreadable(f"{self.name}@{self._lag.position}", error, self._settings) from error
                self._consumer.seek(self.source, self._lag.position)
                continue
            records: list[Record] = (polled or {}).get(self.source, [])
            if records:
                self._lag.polled(records[0].timestamp)
                self._metrics.polled(self.source.topic, self.source.partition, len(records))
                return records
            await self._note_idle()
        return ()

    def _hear(self, error: Exception) -> None:
        """What the client hands to whoever polls may be about the group."""
        if isinstance(error, KafkaError) and is_group_error(error):
            self._around.refused(error)

    async def _note_idle(self) -> None:
        # No longer assigned is no failure: whoever takes partitions back stops this pipeline next.
        with contextlib.suppress(IllegalStateError):
            self._lag.idle(await self._consumer.position(self.source))
            if self.lag().to_read == 0:
                self._recovery.succeeded()

    async def _publish(self, batch: ScoredBatch, records: Sequence[Record], scoring_seconds: float) -> None:
        assert self._publisher is not None  # noqa: S101 - for the type checker
        assert self._outcomes is not None  # noqa: S101 - likewise
        too_large = isinstance(self._refusal, MessageSizeTooLargeError)
        if too_large:
            batch = self._outcomes.fitted(batch)
        outgoing = self._outcomes.outgoing(
            batch, cut=too_large, keyed=isinstance(self._refusal, InvalidRecordError)
        )
        progress = Progress(records[-1].offset + 1, commit_note.encode(self._note))
        try:
            async with self._deadline("a transaction"):
                await self._publisher.publish(outgoing, progress, self._check_identity)
        except (KafkaError, asyncio.CancelledError) as error:
            self._metrics.failed("aborted")
            self._refusal = None
            if isinstance(error, OutputRejectedError):
                self._refusal = error.reason
                if isinstance(error.reason, MessageSizeTooLargeError):
                    await self._around.limits.refused(error.topic)
            raise
        self._refusal = None
        self._lag.committed(progress.next_offset, records[-1].timestamp)
        self._isolation.committed()
        self._recovery.succeeded()
        # Only now: a batch that is aborted is scored again, and no message counts twice.
        self._metrics.committed(batch, scoring_seconds, [record.timestamp for record in records])
        for observations in batch.observations:
            self._metrics.observed(self.source.topic, self.source.partition, observations)
        for letter in batch.dead_letters:
            place = letter.record.topic, letter.record.partition, letter.record.offset
            log.warning("dead letter %s-%d@%d: %s: %s", *place, letter.code, letter.message)

    async def _check_identity(self) -> None:
        await self._around.identity.check(self.source, self._note.topic_id)

    @contextlib.asynccontextmanager
    async def _deadline(self, what: str) -> AsyncIterator[None]:
        """What hangs is a failure too: an idempotent producer alone would try for ever."""
        limit_ms = self._settings.transaction_timeout_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                yield
        except TimeoutError:
            raise KafkaTimeoutError(f"{what} took longer than {limit_ms} ms") from None

    async def _step_back(self) -> None:
        """Fenced: somebody else owns the partition. Wait until the group says so, or gives it back.

        Starting over at once would fence the rightful owner in turn. After a session timeout a worker that
        is out of the group knows it; one that still holds the partition may take it again.
        """
        self._metrics.failed("fenced")
        log.warning("%s: fenced by another worker, nothing of this batch was published", self.name)
        await self._pause(self._settings.session_timeout_ms / 1000)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _release(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.stop()

    def lag(self) -> PartitionLag:
        """How far this partition is behind, as far as it is known."""
        now = time.time()
        if self.source in self._consumer.assignment():  # the client raises for any other
            stable, high = (
                self._consumer.last_stable_offset(self.source),
                self._consumer.highwater(self.source),
            )
            self._lag.fetched(stable, high, now)
        return self._lag.known(now)

    def ends_at(self, offset: int) -> None:
        """The broker was asked where the partition ends, beside all fetching."""
        self._lag.ends_at(offset, time.time())
