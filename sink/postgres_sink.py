"""``ratecast sink postgres``: keeps a session of the database going until it is stopped or fails for too long."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from monitoring.http import HttpServer
from monitoring.sink_metrics import SinkMetrics
from ratecast.errors import DatabaseError, OperationError, StartAgainError
from ratecast.kafka.rights import in_one_line
from ratecast.signals import on_stop_signal
from sink.database_faults import in_words
from sink.database_session import DatabaseSession
from sink.login import address, connect, connection_string, without_passwords
from sink.outcome_reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.lag import PartitionLag
    from ratecast.settings import Settings
    from sink.outcome_reader import OutcomeReader

log = logging.getLogger(__name__)

_DIGITS = re.compile(r"\d+")
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_SAME_FAULT_SECONDS = 30.0  # how often a fault that stays is logged
_SHORTEST_SILENCE_SECONDS = 5.0  # connecting alone may take that long on a busy machine
_STOP_SECONDS = 10.0  # for the batch at hand, after which its transaction is given up


class PostgresSink:
    """Writes predictions and dead letters to PostgreSQL until it is stopped.

    Args:
        settings: all settings.
        follow: read on without end. Otherwise stop when what the topics hold now is written.

    Raises:
        UsageError: the setting of the database is no connection string.
    """

    def __init__(self, settings: Settings, *, follow: bool = True) -> None:
        self.settings = settings
        self._follow = follow
        self._conninfo = connection_string(settings)
        self.metrics = SinkMetrics(registry := CollectorRegistry(), self._lags)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.http = HttpServer(registry, self.metrics.http_requests, self.readiness, self.unhealthy)
        self._stopping = asyncio.Event()
        self._reader: OutcomeReader | None = None
        self._state = "connecting"
        self._address: str | None = None
        self._fault: str | None = None
        self._fault_logged = 0.0
        self._failing_since: float | None = None
        self._progress = self._good = time.monotonic()

    def stop(self) -> None:
        """Ask the sink to finish its batch and stop."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop` is called or SIGTERM or SIGINT arrives, then finish the batch at hand.

        Raises:
            DatabaseError: the database failed for ``give_up_seconds``, or its tables cannot be used.
            OperationError: a topic is missing, or Kafka failed for that long.
            UsageError: the HTTP port is taken.
        """
        with on_stop_signal(self.stop):
            await self.http.start(self.settings.http_host, self.settings.http_port)
            log.info("metrics on http://%s:%s/metrics", self.settings.http_host, self.http.port)
            try:
                await self._keep_a_session()
            finally:
                await self.http.stop()
            log.info("stopped")

    async def _keep_a_session(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                if await self._supervised():
                    return
            except StartAgainError as error:
                log.warning("%s: starting again from the offsets in the database", error)
                fault = None
            except psycopg.Error as error:
                self.metrics.failed()
                fault = f"PostgreSQL: {without_passwords(in_words(error), self._conninfo)}"
            except KafkaError as error:
                fault = f"Kafka: {in_one_line(error, self.settings)}"
            except OperationError as error:
                # Brokers may come back, and a topic that is missing may be about to be created again. At the start they
                # are more likely named wrongly.
                if self._address is None or isinstance(error, DatabaseError):
                    raise
                fault = str(error)
            finally:
                self._state = "connecting"
                self.metrics.session(up=False, active=False)
            if fault is not None:
                self._failed(fault)
            pause = (
                _FIRST_PAUSE_SECONDS
                if self._failing_since is None
                else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            )
            try:
                # Random, so that several sinks do not all come back at once to a server that has just started.
                await asyncio.wait_for(self._stopping.wait(), pause * random.uniform(0.5, 1.0))  # noqa: S311
            except TimeoutError:
                continue

    def _failed(self, fault: str) -> None:
        """Log a fault once and now and then; give up if nothing was written for too long."""
        now, limit = time.monotonic(), self.settings.give_up_seconds
        if self._failing_since is None:
            # The fault may be older than its error. But a process that was frozen must get time to try again.
            self._failing_since = max(self._good, now - limit / 2)
        if now - self._failing_since >= limit:
            raise DatabaseError(f"nothing could be written for {now - self._failing_since:.0f} s: {fault}")
        # Numbers, such as a file's or a duration, differ each time.
        is_known = self._fault is not None and _DIGITS.sub("", fault) == _DIGITS.sub("", self._fault)
        if not is_known or now - self._fault_logged > _SAME_FAULT_SECONDS:
            log.warning("%s; trying again for up to %.0f s", fault, limit - (now - self._failing_since))
            self._fault_logged = now
        self._fault = fault

    def _progressed(self, all_written: bool) -> None:  # noqa: FBT001 - a callback
        """Note that the loop has turned. Only what was written, or that nothing is left to write, ends a failure."""
        self._progress = time.monotonic()
        if not all_written:
            return
        self._good = self._progress
        if self._failing_since is not None:
            log.info("the sink works again after %.0f s", self._progress - self._failing_since)
            self._failing_since = self._fault = None

    async def _supervised(self) -> bool:
        """Run a session; return True if the sink is done. A session that hangs is given up.

        Raises:
            DatabaseError: the database has not ended a step for ``give_up_seconds``.
        """
        self._progress = time.monotonic()
        session = asyncio.create_task(self._session())
        stopping = asyncio.create_task(self._stopping.wait())
        limit = max(self.settings.give_up_seconds, _SHORTEST_SILENCE_SECONDS)
        try:
            while not session.done() and not stopping.done():
                await asyncio.wait({session, stopping}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                silence = time.monotonic() - self._progress
                if silence > limit and not session.done():
                    raise DatabaseError(
                        f"a step of the sink ({self._state}) has not ended for {silence:.0f} s"
                    )
            has_batch = self._state == "writing"
            await asyncio.wait({session}, timeout=_STOP_SECONDS if has_batch else 0)
            if session.done():
                return session.result()
            if not has_batch:
                return True
            log.warning("the database did not commit the batch within %.0f s: it is given up", _STOP_SECONDS)
            return True
        finally:
            for task in (session, stopping):
                task.cancel()
            await asyncio.gather(session, stopping, return_exceptions=True)

    async def _session(self) -> bool:
        """Open both sides and move records; return True when stopped or done, and raise what ended it otherwise."""
        topics = [self.settings.output_topic, self.settings.dead_letter_topic]
        reader = await open_reader(self.settings, topics)
        try:
            self._reader = reader
            self._conninfo = connection_string(self.settings)  # its file may have a new password
            connection = await connect(self._conninfo)
            try:
                if self._address is None:
                    self._address = address(connection)
                    log.info("connected to %s", self._address)
                session = DatabaseSession(self.settings, reader, connection, self.metrics, self._progressed)
                session.is_retry = self._failing_since is not None
                self._state = "standing by"
                self.metrics.session(up=True, active=False)
                if await session.take_over(self._stopping):
                    self._state = "writing"
                    self.metrics.session(up=True, active=True)
                    await session.pump(self._stopping, follow=self._follow)
                return True
            finally:
                await connection.close()
        finally:
            self._reader = None
            await reader.close()

    def readiness(self) -> dict[str, Any]:
        """Return the state for ``/ready``: connected to the database, writing or standing by, broker reachable."""
        reachable = self._reader is not None and self._reader.broker.reachable
        state: dict[str, Any] = {
            "ready": self._state != "connecting" and self._failing_since is None and reachable,
            "state": self._state,
            "broker_reachable": reachable,
        }
        if self._fault is not None:
            state["fault"] = self._fault
        return state

    def unhealthy(self) -> str | None:
        """Return why this sink should be restarted, or None if it is healthy."""
        silence = time.monotonic() - self._progress
        if self._failing_since is None and silence > self.settings.give_up_seconds:
            return f"a step of the sink has not ended for {silence:.0f} s"
        return None

    def _lags(self) -> Iterable[PartitionLag]:
        return [] if self._reader is None else self._reader.lags()
