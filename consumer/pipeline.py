"""One input partition from end to end: poll, score, publish and commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from consumer import dead_letters
from consumer.in_flight import InFlight, more_waits
from consumer.isolation import Isolation
from consumer.outcomes import Outcomes
from consumer.publishing import OutputRejectedError, Progress
from consumer.recovery import Recovery
from consumer.undecided_offsets import UndecidedOffsetError
from consumer.unreadable_batches import is_unreadable, unreadable
from monitoring.lag import LagTracker
from ratecast.contract import commit_note
from ratecast.contract.commit_note import CommitNote, Committed
from ratecast.errors import FencedError
from ratecast.kafka import tolerant_records
from ratecast.kafka.broker_errors import InvalidRecordError, is_group_error
from ratecast.kafka.closing import is_cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import TopicPartition

    from consumer.pipeline_context import PipelineContext
    from consumer.publishing import Publisher
    from monitoring.lag import PartitionLag
    from ratecast.contract.record import Record
    from ratecast.scoring.scored_batch import ScoredBatch

log = logging.getLogger(__name__)

_POLL_TIMEOUT_MS = 1000
T = TypeVar("T")


class PartitionPipeline:
    """Scores one partition while it is assigned. Partitions fail, wait and recover independently.

    Recovery from any failure repeats the first start: a new transactional producer aborts what the old one left
    open, the committed offset shows what is done, and polling starts there.

    While a long queue waits, the next batch is scored while the transaction of the one before is on its way.

    Args:
        source: The input partition.
        context: What this pipeline shares with the worker's other pipelines.
    """

    def __init__(self, source: TopicPartition, context: PipelineContext) -> None:
        self.source = source
        self.name = f"{source.topic}-{source.partition}"
        self.polled_at = time.monotonic()
        self._context = context
        self._settings = context.settings
        self._consumer = context.consumer
        self._metrics = context.metrics
        self._isolation = Isolation(
            context.settings.scoring_failures_in_a_row, context.settings.scoring_failures_share
        )
        self._fields = {"topic": source.topic, "partition": source.partition}
        self.recovery = Recovery(self.name, context.settings.give_up_seconds, context.in_words, self._fields)
        self._lag = LagTracker(source.topic, source.partition)
        self._publisher: Publisher | None = None
        self._in_flight = InFlight()
        self._outcomes: Outcomes | None = None
        self._note = CommitNote()
        self._rejection: KafkaError | None = None  # why a broker rejected the last batch
        self._stopping = asyncio.Event()
        self._waiting: asyncio.Future[Any] | None = None

    async def run(self) -> None:
        """Work until `stop` is called. A failure is retried up to a time limit.

        Raises:
            OperationError: The partition failed for longer than ``give_up_seconds``.
            ModelFailingError: The model fails on too many records.
        """
        while not self._stopping.is_set():
            try:
                await self._take_over()
                while records := await self._poll():
                    started = time.perf_counter()
                    batch = await self._score(records)
                    seconds = time.perf_counter() - started
                    await self._in_flight.settled()
                    self._in_flight.start(self._publish(batch, records, started, seconds))
                    if not more_waits(self._consumer, self.source, records):
                        await self._in_flight.settled()
                await self._in_flight.settled()
            except FencedError:
                await self._step_back()
            except KafkaError as error:
                await self._pause(self.recovery.failed(error))
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                # aiokafka lets the cancellation of its internal tasks escape. Nobody asked this pipeline to stop. If it
                # did, its partition would have no reader until the next rebalance.
                await self._pause(self.recovery.failed(KafkaError("the client cancelled one of its tasks")))
            finally:
                await self._release()

    async def _score(self, records: Sequence[Record]) -> ScoredBatch:
        scoring = self._context.scoring
        batch = await scoring.score(records, self._note.topic_id)
        if batch is not None:
            return self._isolation.scored(batch, records)
        return self._isolation.score(self._score_alone, records)

    def _score_alone(self, records: Sequence[Record]) -> ScoredBatch:
        return self._context.scoring.alone(records, self._note.topic_id)

    def stop(self) -> None:
        """Finish the current batch and stop. A pipeline that waits for records stops at once."""
        self._stopping.set()
        if self._waiting is not None:
            self._waiting.cancel()

    async def _unless_stopped(self, waiting: asyncio.Future[T]) -> T | None:
        """Return what comes, or None if `stop` interrupted the wait."""
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._stopping.is_set():
                return None
            raise
        finally:
            self._waiting = None

    async def _take_over(self) -> None:
        """Fence the previous owner first. Only then is the committed offset final and safe to start from."""
        async with self._deadline("taking over the partition"):
            self._publisher = self._context.publisher(self.source)
            await self._publisher.start()
            # An output keeps the partition number of its input, so a pair keeps its order.
            output, letters = [
                self.source.partition % await self._publisher.partitions(topic)
                for topic in (self._settings.output_topic, self._settings.dead_letter_topic)
            ]
            try:
                start = await self._context.start_finder.find(self.source, output, self._reached())
            except UndecidedOffsetError as error:
                if error.is_lost and self.recovery.waiting is None:
                    await self._publisher.settle()
                raise
            self.recovery.waiting = None  # the offset is decided
            # Always seek: the client's position may belong to a deleted topic, or may not exist.
            self._consumer.seek(self.source, start.offset)
            self._lag.positioned(start.offset)
            self._note = start.note
            self._outcomes = Outcomes(
                self._settings, self._context.limits, output, letters, self._note.topic_id
            )

    def _reached(self) -> Committed | None:
        """Return how far this pipeline has got, or None before the first start."""
        position = self._lag.position
        return None if position is None else Committed(position, self._note)

    async def _poll(self) -> Sequence[Record]:
        """Return the next records as soon as there are any, or none when stopping."""
        limit = self._settings.max_poll_records
        while not self._stopping.is_set():
            self.polled_at = time.monotonic()
            poll = self._consumer.getmany(self.source, timeout_ms=_POLL_TIMEOUT_MS, max_records=limit)
            self._waiting = polling = asyncio.ensure_future(poll)
            await self._in_flight.failed_before(polling)
            try:
                polled = await self._unless_stopped(polling)
            except Exception as error:
                if not is_unreadable(error):
                    self._report_group_error(error)
                    await self._in_flight.settled()
                    raise
                await self._in_flight.settled()  # what it commits must not be read again
                if not tolerant_records.install():
                    raise unreadable(f"{self.name}@{self._lag.position}", error, self._settings) from error
                self._consumer.seek(self.source, self._lag.position)
                continue
            records: list[Record] = (polled or {}).get(self.source, [])
            if records:
                self._metrics.polled(self.source.topic, self.source.partition, len(records))
                return records
            await self._in_flight.settled()  # until then the client's position is ahead of what is done
            await self._note_idle()
        return ()

    def _report_group_error(self, error: Exception) -> None:
        """Pass on errors about the group. The client raises them from whichever poll comes next."""
        if isinstance(error, KafkaError) and is_group_error(error):
            self._context.rejected(error)

    async def _note_idle(self) -> None:
        # A partition that is no longer assigned is not a failure: the rebalance stops this pipeline next.
        with contextlib.suppress(IllegalStateError):
            self._lag.idle(await self._consumer.position(self.source))
            if self.lag().to_read == 0:
                self.recovery.succeeded()

    async def _publish(
        self, batch: ScoredBatch, records: Sequence[Record], started: float, scoring_seconds: float
    ) -> None:
        assert self._publisher is not None  # noqa: S101 - for the type checker
        assert self._outcomes is not None  # noqa: S101 - likewise
        self._lag.polled(records[0].timestamp)
        too_large = isinstance(self._rejection, MessageSizeTooLargeError)
        progress = Progress(records[-1].offset + 1, commit_note.encode(self._note))
        try:
            with self._context.tracing.batch(records, batch, started) as span:
                if too_large:
                    batch = self._outcomes.fitted(batch, span)
                keyed = isinstance(self._rejection, InvalidRecordError)
                outgoing = self._outcomes.outgoing(batch, span, cut=too_large, keyed=keyed)
                async with self._deadline("a transaction"):
                    await self._publisher.publish(outgoing, progress, self._check_identity)
        except (KafkaError, asyncio.CancelledError) as error:
            self._metrics.failed("aborted")
            self._rejection = None
            if isinstance(error, OutputRejectedError):
                self._rejection = error.reason
                if isinstance(error.reason, MessageSizeTooLargeError):
                    await self._context.limits.rejected(error.topic)
            raise
        self._rejection = None
        self._lag.committed(progress.next_offset, records[-1].timestamp)
        self._isolation.committed()
        self.recovery.succeeded()
        # Count only after the commit: an aborted batch is scored again, and no message may count twice.
        timestamps_ms = [record.timestamp for record in records]
        self._metrics.committed(
            (self.source.topic, self.source.partition), batch, scoring_seconds, timestamps_ms, span
        )
        self._context.shadow.committed(batch)
        dead_letters.log_all(batch, span)

    async def _check_identity(self) -> None:
        await self._context.identity.check(self.source, self._note.topic_id)

    @contextlib.asynccontextmanager
    async def _deadline(self, what: str) -> AsyncIterator[None]:
        """Turn a hang into a failure: an idempotent producer would retry forever."""
        limit_ms = self._settings.transaction_timeout_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                yield
        except TimeoutError:
            raise KafkaTimeoutError(f"{what} took longer than {limit_ms} ms") from None

    async def _step_back(self) -> None:
        """After being fenced, wait until the group has decided who owns the partition.

        Starting over at once would fence the rightful owner. After a session timeout, a worker that the group has
        removed knows it, and a worker that still owns the partition may take it over again.
        """
        self._metrics.failed("fenced")
        line = "%s: another worker fenced this one; nothing of this batch was published"
        log.warning(line, self.name, extra=self._fields)
        await self._pause(self._settings.session_timeout_ms / 1000)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _release(self) -> None:
        await self._in_flight.abandoned()
        self._isolation.restarted()
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.stop()

    def lag(self) -> PartitionLag:
        """Return how far this partition is behind, as far as that is known."""
        now = time.time()
        if self.source in self._consumer.assignment():  # the client raises for any other
            stable, high = (
                self._consumer.last_stable_offset(self.source),
                self._consumer.highwater(self.source),
            )
            self._lag.fetched(stable, high, now)
        return self._lag.known(now)

    def ends_at(self, offset: int) -> None:
        """Record the partition's end offset, as the broker reported it outside of fetching."""
        self._lag.ends_at(offset, time.time())
