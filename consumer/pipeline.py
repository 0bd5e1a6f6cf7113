"""One input partition, from end to end: poll, score, publish and commit."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from consumer import dead_letters, header_keys
from consumer.at_least_once import DeliverThenCommit
from consumer.offsets import committed_offset
from consumer.publishing import Outgoing
from consumer.transactions import PartitionTransactions
from monitoring.lag import LagTracker
from ratecast.clients import is_cancelled
from ratecast.errors import FencedError, OperationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from aiokafka import TopicPartition

    from consumer.publishing import OutgoingRecord, Publisher
    from consumer.scoring import Record, ScoredBatch, Scorer
    from monitoring.lag import PartitionLag
    from monitoring.metrics import WorkerMetrics
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_POLL_TIMEOUT_MS = 1000
T = TypeVar("T")


class PartitionPipeline:
    """Scores one partition while it is assigned; each partition fails, waits and recovers alone.

    Recovery from every failure is the same as the first start: a new transactional producer settles what
    the old one left, the committed offset says what is done, and polling begins there.

    Args:
        source: the input partition.
        consumer: the worker's consumer (an AIOKafkaConsumer).
        scorer: scores what is polled.
        settings: topics and limits.
        metrics: where outcomes are counted.
    """

    def __init__(
        self,
        source: TopicPartition,
        consumer: Any,
        scorer: Callable[[], Scorer],
        settings: Settings,
        metrics: WorkerMetrics,
    ) -> None:
        self.source = source
        self._consumer = consumer
        self._scorer = scorer
        self._settings = settings
        self._metrics = metrics
        self._publisher: Publisher | None = None
        self._output_partition = 0
        self._dead_letter_partition = 0
        self._committed: int | None = None
        self._lag = LagTracker(source.topic, source.partition)
        self._cut_dead_letters = False
        self._failures = 0
        self._failing_since: float | None = None
        self._stopping = asyncio.Event()
        self._waiting: asyncio.Future[Any] | None = None

    async def run(self) -> None:
        """Work until `stop`; a failure is retried until the limit.

        Raises:
            OperationError: the partition failed for longer than ``give_up_seconds``.
        """
        while not self._stopping.is_set():
            try:
                await self._take_over()
                while records := await self._poll():
                    started = time.perf_counter()
                    batch = self._scorer().score(records, dt.datetime.now(dt.UTC))
                    await self._publish(batch, records, time.perf_counter() - started)
            except FencedError:
                await self._step_back()
            except KafkaError as error:
                await self._back_off(error)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                # The client lets its own tasks' cancellations out. Nobody asked this pipeline to end, and
                # ending unasked would leave its partition without a reader for as long as the group holds.
                await self._back_off(KafkaError("the client gave up a task of its own"))
            finally:
                await self._release()

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
            self._publisher = self._new_publisher()
            await self._publisher.start()
            await self._position()

    async def _position(self) -> None:
        committed = await committed_offset(self._settings, self.source)
        if committed is None:
            beginning = await self._consumer.beginning_offsets([self.source])
            committed = beginning[self.source]
        # A seek throws away what is prefetched: only where the client really stands elsewhere.
        if await self._consumer.position(self.source) != committed:
            self._consumer.seek(self.source, committed)
        self._committed = committed
        self._lag.positioned(committed)
        self._output_partition = await self._partition_of(self._settings.output_topic)
        self._dead_letter_partition = await self._partition_of(self._settings.dead_letter_topic)

    def _new_publisher(self) -> Publisher:
        if self._settings.guarantee == "at-least-once":
            return DeliverThenCommit(self._settings, self.source, self._consumer)
        return PartitionTransactions(self._settings, self.source)

    async def _partition_of(self, topic: str) -> int:
        """Outputs keep their input's partition number, so a pair keeps its order."""
        assert self._publisher is not None  # noqa: S101 - for the type checker
        return int(self.source.partition % await self._publisher.partitions(topic))

    async def _poll(self) -> Sequence[Record]:
        """The next records, as soon as there are any; none when stopping."""
        limit = self._settings.max_poll_records
        while not self._stopping.is_set():
            polling = self._consumer.getmany(self.source, timeout_ms=_POLL_TIMEOUT_MS, max_records=limit)
            try:
                polled = await self._unless_stopped(polling)
            except UnicodeDecodeError:
                header_keys.read_leniently()
                self._consumer.seek(self.source, self._committed)
                continue
            records: list[Record] = (polled or {}).get(self.source, [])
            if records:
                self._lag.polled(records[0].timestamp)
                self._metrics.polled(self.source.topic, self.source.partition, len(records))
                return records
            await self._note_idle()
        return ()

    async def _note_idle(self) -> None:
        # No longer assigned is no failure: whoever takes partitions back stops this pipeline next.
        with contextlib.suppress(IllegalStateError):
            self._lag.idle(await self._consumer.position(self.source))
            if self.lag().records == 0:
                self._recovered()

    def _recovered(self) -> None:
        """A batch is done, or there is nothing to do: what failed before counts no longer."""
        self._failures, self._failing_since = 0, None

    async def _publish(self, batch: ScoredBatch, records: Sequence[Record], scoring_seconds: float) -> None:
        assert self._publisher is not None  # noqa: S101 - for the type checker
        next_offset = records[-1].offset + 1
        try:
            async with self._deadline("a transaction"):
                await self._publisher.publish(self._outgoing(batch), next_offset)
        except (KafkaError, asyncio.CancelledError) as error:
            self._metrics.failed("aborted")
            # Nothing else is as large as what somebody else could publish.
            self._cut_dead_letters = isinstance(error, MessageSizeTooLargeError)
            raise
        self._committed = next_offset
        self._lag.committed(next_offset, records[-1].timestamp)
        self._cut_dead_letters = False
        self._recovered()
        # Only now: a batch that is aborted is scored again, and no message counts twice.
        self._metrics.scored(batch.pairs, batch.drifted, batch.alerts, scoring_seconds, len(records))
        codes = [letter.code.value for letter in batch.dead_letters]
        timestamps = [record.timestamp for record in records]
        self._metrics.committed(len(batch.values), codes, timestamps, batch.as_of)
        if batch.observations is not None:
            self._metrics.observed(self.source.topic, self.source.partition, batch.observations)
        for letter in batch.dead_letters:
            log.warning("dead letter %s-%d@%d: %s: %s", *_place(letter.record), letter.code, letter.message)

    @contextlib.asynccontextmanager
    async def _deadline(self, what: str) -> AsyncIterator[None]:
        """What hangs is a failure too: an idempotent producer alone would try for ever."""
        limit_ms = self._settings.transaction_timeout_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                yield
        except TimeoutError:
            raise KafkaTimeoutError(f"{what} took longer than {limit_ms} ms") from None

    def _outgoing(self, batch: ScoredBatch) -> list[Outgoing]:
        outgoing = []
        if batch.values:
            predictions: list[OutgoingRecord] = [
                (record.key, value, list(record.headers))
                for record, value in zip(batch.records, batch.values, strict=True)
            ]
            outgoing.append(Outgoing(self._settings.output_topic, self._output_partition, predictions))
        if batch.dead_letters:
            letters = [
                dead_letters.outgoing(letter, cut=self._cut_dead_letters) for letter in batch.dead_letters
            ]
            outgoing.append(Outgoing(self._settings.dead_letter_topic, self._dead_letter_partition, letters))
        return outgoing

    async def _step_back(self) -> None:
        """Fenced: somebody else owns the partition. Wait until the group says so, or gives it back.

        Starting over at once would fence the rightful owner in turn. After a session timeout a worker that
        is out of the group knows it; one that still holds the partition may take it again.
        """
        self._metrics.failed("fenced")
        log.warning("%s: fenced by another worker, nothing of this batch was published", _name(self.source))
        await self._pause(self._settings.session_timeout_ms / 1000)

    async def _back_off(self, error: KafkaError) -> None:
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        self._failures += 1
        if now - self._failing_since > self._settings.give_up_seconds:
            raise OperationError(
                f"{_name(self.source)} failed for {self._settings.give_up_seconds:g} s, last: {error!r}"
            ) from error
        log.warning("%s: %r; starting over from the committed offset", _name(self.source), error)
        await self._pause(min(5.0, 0.1 * 2 ** min(self._failures, 6)))

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
            self._lag.ends_at(self._consumer.last_stable_offset(self.source), now)
        return self._lag.known(now)

    def ends_at(self, offset: int) -> None:
        """The broker was asked where the partition ends, beside all fetching."""
        self._lag.ends_at(offset, time.time())


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _name(source: TopicPartition) -> str:
    return f"{source.topic}-{source.partition}"
