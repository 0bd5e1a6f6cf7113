"""The worker: a member of the consumer group that runs one pipeline for each partition it is given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from consumer.models import CurrentModel
from consumer.pipeline import PartitionPipeline
from monitoring.http import HttpServer
from monitoring.metrics import WorkerMetrics
from ratecast import kafka
from ratecast.clients import stop_consumer, uncut
from ratecast.errors import BrokerUnavailableError, OperationError
from ratecast.fetching import pace_empty_fetches
from ratecast.signals import on_stop_signal

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from aiokafka import TopicPartition

    from monitoring.lag import PartitionLag
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_WATCH_SECONDS = 5.0
_JOINING_LIMIT_SECONDS = 60.0
_METADATA_MAX_AGE_MS = 30_000  # how long partitions of a topic that was made anew or enlarged stay unread


class Worker:
    """Scores what the group gives it until it is stopped.

    Args:
        settings: everything it needs to know.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = WorkerMetrics(registry := CollectorRegistry(), self._lags)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.http = HttpServer(registry, self.metrics.http_requests, self.readiness)
        self.models = CurrentModel(settings, self.metrics)
        self._watching_models: asyncio.Task[None] | None = None
        self._consumer: Any = None
        self._pipelines: dict[TopicPartition, tuple[PartitionPipeline, asyncio.Task[None]]] = {}
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._joining_since: float | None = None
        self._broker_seen: float | None = None

    async def run(self) -> None:
        """Start, work until `stop` (or SIGTERM, SIGINT), end in order.

        Raises:
            RatecastError: it could not start, or something failed for too long.
        """
        with on_stop_signal(self._stopping.set):
            try:
                if await self._unless_stopped(self.startup()):
                    await self.main_loop()
                elif self._failure is not None:
                    raise self._failure
            finally:
                await self.shutdown()

    def stop(self) -> None:
        """Ask the worker to finish the batches in hand, leave the group and end."""
        self._stopping.set()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do some work to its end and say True; a stop in the meantime breaks it off."""
        working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            return working.done() and not stopped.done()
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)

    async def startup(self) -> None:
        """Load the model, listen for HTTP, find the broker and the topics, join the group."""
        self.models.load()
        self._watching_models = asyncio.create_task(self.models.watch(), name="the watch for new models")
        self._watching_models.add_done_callback(self._watch_ended)
        await self.http.start(self.settings.http_host, self.settings.http_port)
        log.info("metrics on http://%s:%s/metrics", self.settings.http_host, self.http.port)
        _warn_without_c_extension()
        await kafka.ensure_topics(self.settings)
        await kafka.connect(self._start_consumer, self.settings)
        self._broker_seen = self._joining_since = time.monotonic()
        self._consumer.subscribe([self.settings.input_topic], listener=_Listener(self))

    async def _start_consumer(self) -> None:
        timeout_ms = self.settings.session_timeout_ms
        self._consumer = AIOKafkaConsumer(
            **kafka.client_options(self.settings),
            group_id=self.settings.group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=timeout_ms,
            heartbeat_interval_ms=max(300, timeout_ms // 3),
            # Pipelines watch themselves; a member without partitions polls nothing and must not be put out.
            max_poll_interval_ms=2**31 - 1,
            max_partition_fetch_bytes=self.settings.max_partition_fetch_bytes,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        )
        try:
            await uncut(self._consumer.start())
        except BaseException:
            await stop_consumer(self._consumer)
            raise
        pace_empty_fetches(self._consumer)

    async def main_loop(self) -> None:
        """Wait for the end; meanwhile watch that the broker answers and the group lets us in.

        Raises:
            BrokerUnavailableError: no broker answered for ``give_up_seconds``.
            OperationError: a partition failed for as long.
        """
        while not self._stopping.is_set():
            await self._watch_broker()
            await self._watch_ends()
            self._watch_joining()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _WATCH_SECONDS)
        if self._failure is not None:
            raise self._failure

    async def _watch_broker(self) -> None:
        try:
            await asyncio.wait_for(self._consumer.topics(), _WATCH_SECONDS)
        except (KafkaError, OSError, TimeoutError):
            silence = time.monotonic() - (self._broker_seen or 0.0)
            log.warning("no broker has answered for %.0f s", silence)
            if silence > self.settings.give_up_seconds:
                raise BrokerUnavailableError(
                    f"no broker at {self.settings.bootstrap_servers} for {silence:.0f} s"
                ) from None
        else:
            self._broker_seen = time.monotonic()

    async def _watch_ends(self) -> None:
        # For the lag, beside all fetching: a fetch that hangs does not say how far the topic has grown.
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(self._unless_stopped(self._ask_ends()), _WATCH_SECONDS)

    async def _ask_ends(self) -> None:
        pipelines = {partition: pipeline for partition, (pipeline, _) in self._pipelines.items()}
        if pipelines:
            for partition, end in (await self._consumer.end_offsets(list(pipelines))).items():
                pipelines[partition].ends_at(end)

    def _watch_joining(self) -> None:
        if self._joining_since is not None:
            waited = time.monotonic() - self._joining_since
            if waited > _JOINING_LIMIT_SECONDS:
                log.warning("joining group %s for %.0f s already", self.settings.group_id, waited)

    async def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """The group gave us partitions: start a pipeline for each."""
        self._joining_since = None
        self.metrics.rebalances.inc()
        for partition in partitions:
            pipeline = PartitionPipeline(
                partition, self._consumer, self.models.scorer, self.settings, self.metrics
            )
            task = asyncio.create_task(pipeline.run(), name=f"{partition.topic}-{partition.partition}")
            task.add_done_callback(self._pipeline_ended)
            self._pipelines[partition] = pipeline, task
        self.metrics.assigned_partitions.set(len(self._pipelines))
        log.info("assigned: %s", _numbers(self._pipelines) or "nothing, standing by")

    def _pipeline_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        elif any(task is running for _, running in self._pipelines.values()):
            # `revoke` takes a pipeline out before it ends it. One that ends otherwise would leave its partition
            # unread for as long as the group holds, with nobody the wiser.
            self._fail(OperationError(f"the pipeline of {task.get_name()} ended unasked"))

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        # A worker that no longer notices new models looks healthy and is not.
        if not task.cancelled():
            self._fail(task.exception() or OperationError(f"{task.get_name()} ended unasked"))

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stopping.set()

    async def revoke(self) -> None:
        """The group takes all partitions back (aiokafka rebalances eagerly): finish what is in hand.

        The group waits a session timeout for us. Half of it is for the batch; then the pipeline is cut off,
        which is safe: its transaction is aborted by the partition's next owner.
        """
        pipelines, self._pipelines = self._pipelines, {}
        for pipeline, _ in pipelines.values():
            pipeline.stop()
        tasks = [task for _, task in pipelines.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.settings.session_timeout_ms / 2000)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for partition in pipelines:
            self.metrics.revoked(partition.topic, partition.partition)
        self.metrics.assigned_partitions.set(0)
        self._joining_since = time.monotonic()

    async def shutdown(self) -> None:
        """End in order: finish and commit what is in hand, leave the group, stop listening."""
        if self._watching_models is not None:
            self._watching_models.cancel()
        await self.revoke()
        if self._consumer is not None:
            await stop_consumer(self._consumer)
        await self.http.stop()
        if self._watching_models is not None:  # else it had no model and never started
            log.info("stopped")

    def readiness(self) -> dict[str, Any]:
        """What ``/ready`` says: model loaded, in the group, broker reachable."""
        now = time.monotonic()
        joined = self._consumer is not None and self._joining_since is None
        reachable = self._broker_seen is not None and now - self._broker_seen < 3 * _WATCH_SECONDS
        state: dict[str, Any] = {
            "ready": self.models.version is not None and joined and reachable,
            "model": self.models.version,
            "refused": self.models.refused,
            "assigned": sorted(partition.partition for partition in self._pipelines) if joined else None,
            "broker_reachable": reachable,
        }
        if self._joining_since is not None:
            state["joining_seconds"] = round(now - self._joining_since, 1)
        return state

    def _lags(self) -> list[PartitionLag]:
        return [pipeline.lag() for pipeline, _ in self._pipelines.values()]


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes assignments on; aiokafka swallows what a listener raises, so nothing may escape unseen."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - eager: all
        await self._worker.revoke()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._worker.assign(sorted(assigned))


def _numbers(partitions: Iterable[TopicPartition]) -> str:
    return ", ".join(f"{p.topic}-{p.partition}" for p in sorted(partitions))


def _warn_without_c_extension() -> None:
    from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy

    if DefaultRecordBatch is _DefaultRecordBatchPy:
        log.error(
            "aiokafka runs without its C extension, about a hundred times slower: reinstall it from a wheel"
        )
