"""``ratecast feed``: polls a source and publishes its rates until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from monitoring.feed_metrics import FeedMetrics
from monitoring.http import HttpServer
from producer.feed.feed_clock import Clock, SystemClock
from producer.feed.feed_work import FeedWork, is_wrong_use
from producer.feed.publication_times import FRANKFURT, Timetable
from producer.feed.source import Reason, SourceUnavailableError
from ratecast.errors import FencedError, OperationError, UsageError
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import ensure_topics
from ratecast.signals import on_stop_signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer.feed.source import Source
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_STOP_SECONDS = (
    10.0  # for a transaction; another feed, or the brokers after a minute, end one that is left open
)
_PAUSE_SECONDS = (0.5, 1.0, 2.0, 5.0)  # after failures of the brokers
_FENCED_SECONDS = (0.2, 2.0)  # random, so that two feeds do not fence each other again and again
_UNUSABLE = "unusable"  # outcome of a poll of a source that was usable at the start


class Feeder:
    """Publishes the rates of a source.

    Args:
        settings: all settings.
        source: what to poll. It is closed at the end.
        pairs: what to publish; everything that the source quotes if empty.
        timetable: when the source publishes.
        clock: the clock.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source,
        pairs: Sequence[str],
        timetable: Timetable,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        registry = CollectorRegistry()
        self.metrics = FeedMetrics(registry, source.name, tuple(Reason))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.http = HttpServer(registry, self.metrics.http_requests, self.readiness, self.unhealthy)
        self.work = FeedWork(
            settings, source, pairs, timetable, self._clock, self.metrics, on_progress=self._progressed
        )
        self.metrics.watch(self.work.late_seconds, self.failing_seconds)
        self._stopping = asyncio.Event()
        self._state = "starting"
        self._has_polled = False
        self._is_late = False
        self._fault: str | None = None
        self._failures = 0
        self._failing_since: float | None = None
        self._progress = time.monotonic()
        self._next_poll: dt.datetime | None = None

    def stop(self) -> None:
        """Ask the feed to finish its transaction and stop."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop` is called, or SIGTERM or SIGINT arrives.

        Raises:
            UsageError: the source cannot be used, or the HTTP port is taken.
            OperationError: the brokers failed for ``give_up_seconds``.
        """
        with on_stop_signal(self.stop):
            await self.http.start(self._settings.http_host, self._settings.http_port)
            try:
                log.info("metrics on http://%s:%s/metrics", self._settings.http_host, self.http.port)
                await self._until_stopped()
            finally:
                await self.work.source.close()
                await self.http.stop()
            log.info("stopped; every rate up to %s is published", self.work.complete_day or "none")

    async def _until_stopped(self) -> None:
        working = asyncio.create_task(self._turns())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self.work.is_committing:
                await asyncio.wait({working}, timeout=_STOP_SECONDS)
            if working.done():
                try:
                    working.result()
                except KafkaError as error:
                    raise OperationError(f"Kafka: {in_one_line(error, self._settings)}") from error
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _turns(self) -> None:
        await ensure_topics(self._settings)
        await self.work.read_topic()
        log.info("polling %s (%s)", self.work.source.name, self.work.source.address)
        while not self._stopping.is_set():
            self._next_poll = await self._turn()
            self._state = "waiting"
            await self._clock.wait_until(self._next_poll, self._stopping)

    async def _turn(self) -> dt.datetime:
        """Poll and publish, and return when to do so again."""
        self._progressed()
        self._state = "polling"
        try:
            self.metrics.polled(await self.work.poll())
            if not self._has_polled:
                self.work.check_pairs()
        except (SourceUnavailableError, UsageError) as error:
            return self._clock.now() + dt.timedelta(seconds=self._source_failed(error))
        self._has_polled = True
        self._state = "publishing"
        await self._publish()
        self._succeeded()
        self._say_what_is_late()
        return self.work.timetable.next_poll(self.work.complete_day, self._clock.now(), random.random())  # noqa: S311

    def _source_failed(self, error: SourceUnavailableError | UsageError) -> float:
        """Note a failed poll, and return how many seconds to wait.

        Raises:
            UsageError: the first poll showed that the source cannot be used.
        """
        retry_after = None
        outcome = _UNUSABLE
        if isinstance(error, SourceUnavailableError):
            outcome, retry_after = error.outcome, error.retry_after_seconds
            if not self._has_polled and is_wrong_use(error):
                raise UsageError(str(error)) from None
        elif not self._has_polled:
            raise error
        self.metrics.polled(outcome)
        self._failures += 1
        seconds = self.work.timetable.back_off_seconds(self._failures, retry_after, random.random())  # noqa: S311
        self._failed(str(error), f"asking again in {seconds:.0f} s")
        self._say_what_is_late()
        return seconds

    async def _publish(self) -> None:
        """Publish what the topic lacks, and try again while the brokers fail.

        Raises:
            OperationError: they failed for ``give_up_seconds``.
        """
        attempt, began = 0, time.monotonic()
        while not self._stopping.is_set():
            try:
                await self.work.publish(self._stopping)
            except FencedError:
                self.metrics.fenced()
                log.info(
                    "another feed of %s publishes to %s now: reading the topic again",
                    self.work.source.name,
                    self._settings.input_topic,
                )
                pause = random.uniform(*_FENCED_SECONDS)  # noqa: S311
            except (OperationError, KafkaError) as error:
                words = in_one_line(error, self._settings) if isinstance(error, KafkaError) else str(error)
                silence, limit = time.monotonic() - began, self._settings.give_up_seconds
                if silence >= limit:
                    raise OperationError(
                        f"nothing could be published for {silence:.0f} s: {words}"
                    ) from error
                self._failed(words, f"trying again for up to {limit - silence:.0f} s")
                pause = _PAUSE_SECONDS[min(attempt, len(_PAUSE_SECONDS) - 1)]
            else:
                return
            attempt += 1
            self._progressed()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _failed(self, fault: str, what_next: str) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        if fault != self._fault:
            log.warning("%s; %s", fault, what_next)
        self._fault = fault

    def _succeeded(self) -> None:
        if self._failing_since is not None:
            log.info("the feed works again after %.0f s", time.monotonic() - self._failing_since)
        self._failures, self._fault, self._failing_since = 0, None, None

    def _say_what_is_late(self) -> None:
        """Log once that a rate is late, and once that it has come."""
        is_late = self.work.late_seconds() > 0
        if is_late and not self._is_late:
            log.warning(
                "the rates of %s are late: every rate up to %s is published",
                self.work.timetable.newest_due(self._clock.now()),
                self.work.complete_day or "none",
            )
        elif self._is_late and not is_late:
            log.info("nothing is late any more: every rate up to %s is published", self.work.complete_day)
        self._is_late = is_late

    def _progressed(self) -> None:
        self._progress = time.monotonic()

    def failing_seconds(self) -> float:
        """Return for how long polls or publishing have failed without a success between."""
        return 0.0 if self._failing_since is None else time.monotonic() - self._failing_since

    def readiness(self) -> dict[str, Any]:
        """Return the state for ``/ready``: ready while the last poll and the last publication worked."""
        state: dict[str, Any] = {
            "ready": self._has_polled and self._failing_since is None,
            "state": self._state,
            "source": self.work.source.name,
            "complete_day": None if self.work.complete_day is None else str(self.work.complete_day),
            "late_seconds": round(self.work.late_seconds()),
        }
        if self._next_poll is not None:
            state["next_poll"] = self._next_poll.astimezone(FRANKFURT).isoformat(timespec="seconds")
        if self._fault is not None:
            state["fault"] = self._fault
        return state

    def unhealthy(self) -> str | None:
        """Return why this feed should be restarted, or None if it is healthy. To wait is healthy."""
        silence = time.monotonic() - self._progress
        limit = max(self._settings.give_up_seconds, self._settings.connect_timeout_seconds) + 60.0
        if self._state != "waiting" and silence > limit:
            return f"a step of the feed ({self._state}) has not ended for {silence:.0f} s"
        return None
