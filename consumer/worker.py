"""The worker: a member of the consumer group that runs one pipeline per assigned partition."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from consumer import freed_memory, group_client, group_coverage, installation
from consumer.at_least_once import DeliverThenCommit
from consumer.garbage import rare_collections
from consumer.held_back import HeldBack
from consumer.identity import TopicIdentity
from consumer.joint_scoring import JointScoring
from consumer.membership import Membership
from consumer.models import CurrentModel
from consumer.output_limits import OutputLimits
from consumer.pipeline import PartitionPipeline
from consumer.pipeline_context import PipelineContext
from consumer.rebalance_listener import RebalanceListener
from consumer.shadow_scoring import ShadowScoring
from consumer.start_finder import StartFinder
from consumer.transactions import PartitionTransactions
from monitoring.chosen_tracing import tracing_for
from monitoring.http import HttpServer
from monitoring.metrics import WorkerMetrics
from ratecast.errors import OperationError
from ratecast.kafka.broker_watch import BrokerWatch
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.topics import ensure_topics
from ratecast.signals import on_stop_signal

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from aiokafka import TopicPartition

    from consumer.publishing import Publisher
    from monitoring.lag import PartitionLag
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_WATCH_SECONDS = 5.0
_MEMBERSHIP_SECONDS = 1.0


class Worker:
    """Scores the records of its assigned partitions until it is stopped.

    Args:
        settings: All settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = WorkerMetrics(
            registry := CollectorRegistry(), self._lags, with_rates=settings.rate_metrics
        )
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.http = HttpServer(registry, self.metrics.http_requests, self.readiness, self.unhealthy)
        self.models = CurrentModel(settings, self.metrics)
        self.shadow = ShadowScoring(settings, self.metrics.shadow)
        self.membership = Membership(settings)
        self.limits = OutputLimits(settings)
        self.tracing = tracing_for(settings)
        self._context: PipelineContext | None = None
        self._watching: list[asyncio.Task[None]] = []
        self._consumer: Any = None
        self._pipelines: dict[TopicPartition, tuple[PartitionPipeline, asyncio.Task[None]]] = {}
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._held_back = HeldBack()
        self._broker: BrokerWatch | None = None

    async def run(self, *, handle_signals: bool = True) -> None:
        """Start, work until `stop` is called or SIGTERM or SIGINT arrives, then shut down in order.

        Args:
            handle_signals: False leaves signals and garbage collection to the program that the worker is a part of.

        Raises:
            RatecastError: The worker could not start, or something failed for too long.
        """
        with on_stop_signal(self._stopping.set) if handle_signals else contextlib.nullcontext():
            try:
                if await self._unless_stopped(self.startup()):
                    with rare_collections(whole_process=handle_signals):
                        await self.main_loop()
                elif self._failure is not None:
                    raise self._failure
            finally:
                await self.shutdown()

    def stop(self) -> None:
        """Ask the worker to finish its current batches, leave the group and stop."""
        self._stopping.set()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Return True when some work is done, or False if a stop interrupted it."""
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
        """Load the model, serve HTTP, connect to the broker, create missing topics and join the group."""
        await self.models.start()
        self._watch(self.models.watch(), "the task that checks for new models")
        self._watch(self.shadow.run(), "the task that scores with the shadow model")
        self._watch(freed_memory.give_back_regularly(), "the task that gives back freed memory")
        await self.http.start(self.settings.http_host, self.settings.http_port)
        log.info("metrics on http://%s:%s/metrics", self.settings.http_host, self.http.port)
        installation.check()
        await ensure_topics(self.settings, "worker")
        await self.limits.ask()
        self._consumer = await group_client.started(self.settings)
        self._broker = BrokerWatch(self.settings, self._consumer)
        self._context = self._pipeline_context()
        self.membership.began_joining()
        self._consumer.subscribe(
            [self.settings.input_topic], listener=RebalanceListener(self.revoke, self.assign)
        )
        self._watch(self._watch_membership(), "the task that watches the group")
        if self.settings.group_instance_id is not None:
            self._watch(group_coverage.watch(self.settings, self._consumer), "the watch for new partitions")

    def _pipeline_context(self) -> PipelineContext:
        settings, consumer, identity = self.settings, self._consumer, TopicIdentity(self._consumer)
        return PipelineContext(
            settings=settings,
            consumer=consumer,
            scoring=JointScoring(self.models.scorer),
            publisher=self._new_publisher,
            start_finder=StartFinder(settings, consumer, identity, self.metrics),
            identity=identity,
            limits=self.limits,
            metrics=self.metrics,
            shadow=self.shadow,
            rejected=self.membership.refused,
            tracing=self.tracing,
        )

    def _new_publisher(self, source: TopicPartition) -> Publisher:
        if self.settings.guarantee == "at-least-once":
            return DeliverThenCommit(self.settings, source, self._consumer, self.limits.batch_bytes)
        return PartitionTransactions(self.settings, source, self.limits.batch_bytes)

    async def main_loop(self) -> None:
        """Wait until the worker is stopped, and watch the broker meanwhile.

        Raises:
            BrokerUnavailableError: No broker answered for ``give_up_seconds``.
            OperationError: A partition failed for that long.
        """
        assert self._broker is not None  # noqa: S101 - started before
        while not self._stopping.is_set():
            await self._broker.check()
            await self._watch_ends()
            self._held_back.log_new(self._lags())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _WATCH_SECONDS)
        if self._failure is not None:
            raise self._failure

    async def _watch_ends(self) -> None:
        # For the lag: a fetch that hangs does not report how far the topic has grown.
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(self._unless_stopped(self._ask_ends()), _WATCH_SECONDS)

    async def _ask_ends(self) -> None:
        if pipelines := dict(self._pipelines):
            for partition, end in (await self._consumer.end_offsets(list(pipelines))).items():
                pipelines[partition][0].ends_at(end)

    async def _watch_membership(self) -> None:
        while True:
            self.membership.check(self._consumer)
            self.metrics.join_refused.set(self.membership.refusal is not None)
            self.metrics.blocked_partitions.set(len(self._blocked()))
            await asyncio.sleep(_MEMBERSHIP_SECONDS)

    async def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Start a pipeline for each assigned partition."""
        assert self._context is not None  # noqa: S101 - set before it subscribes
        self.membership.assigned()
        self.metrics.rebalances.inc()
        for partition in partitions:
            pipeline = PartitionPipeline(partition, self._context)
            task = asyncio.create_task(pipeline.run(), name=pipeline.name)
            task.add_done_callback(self._pipeline_ended)
            self._pipelines[partition] = pipeline, task
        self.metrics.assigned_partitions.set(len(self._pipelines))
        names = ", ".join(f"{one.topic}-{one.partition}" for one in sorted(self._pipelines))
        log.info("assigned partitions: %s", names or "none, standing by")

    def _pipeline_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        elif any(task is running for _, running in self._pipelines.values()):
            # `revoke` removes a pipeline before it stops it. A pipeline that stops for another reason would leave its
            # partition unread until the next rebalance, and nobody would notice.
            self._fail(OperationError(f"the pipeline of {task.get_name()} stopped unexpectedly"))

    def _watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._watching.append(task := asyncio.create_task(work, name=name))
        task.add_done_callback(self._watch_ended)

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        # A worker that no longer checks for new models looks healthy but is not.
        if not task.cancelled():
            self._fail(task.exception() or OperationError(f"{task.get_name()} stopped unexpectedly"))

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stopping.set()

    async def revoke(self) -> None:
        """Finish the current batches, because a rebalance revokes all partitions (aiokafka rebalances eagerly).

        The group waits for a session timeout. Half of it is for finishing batches. Then pipelines are cancelled, which
        is safe: the partition's next owner aborts the open transaction.
        """
        pipelines, self._pipelines = self._pipelines, {}
        for pipeline, _ in pipelines.values():
            pipeline.stop()
        if tasks := [task for _, task in pipelines.values()]:
            _, late = await asyncio.wait(tasks, timeout=self.settings.session_timeout_ms / 2000)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for partition in pipelines:
            self.metrics.revoked(partition.topic, partition.partition)
        self.metrics.assigned_partitions.set(0)
        self.membership.began_joining()

    async def shutdown(self) -> None:
        """Shut down in order: finish and commit the current batches, leave the group, stop HTTP."""
        for watching in self._watching:
            watching.cancel()
        await self.revoke()
        if self._consumer is not None:
            await stop_consumer(self._consumer)
        await self.http.stop()
        await self.tracing.close()
        if self._watching:  # otherwise it had no model and never started
            log.info("stopped")

    def readiness(self) -> dict[str, Any]:
        """Return the state for ``/ready``: model loaded, in the group, broker reachable."""
        joined = self._context is not None and self.membership.joined
        reachable = self._broker is not None and self._broker.reachable
        state: dict[str, Any] = {
            "ready": self.models.version is not None and joined and reachable,
            "model": self.models.version,
            "refused": self.models.refused,
            "assigned": sorted(partition.partition for partition in self._pipelines) if joined else None,
            "broker_reachable": reachable,
        }
        if not self.membership.joined:
            state["joining_seconds"] = round(self.membership.joining_seconds, 1)
        if self.membership.refusal is not None:
            state["join_refused"] = self.membership.refusal
        named = ("blocked", self._blocked()), ("waiting", self._waiting())
        return state | {key: pipelines for key, pipelines in named if pipelines}

    def _blocked(self) -> dict[str, str]:
        return {one.name: why for one, _ in self._pipelines.values() if (why := one.recovery.blocked)}

    def _waiting(self) -> dict[str, str]:
        return {one.name: why for one, _ in self._pipelines.values() if (why := one.recovery.waiting)}

    def unhealthy(self) -> str | None:
        """Return why this worker should be restarted, or None if it is healthy. ``/health`` reports it."""
        # A worker without partitions stands by and polls nothing. A worker with partitions should poll.
        if self.membership.joining_seconds > self.settings.give_up_seconds:
            return f"still waiting to join group {self.settings.group_id} after {self.membership.joining_seconds:.0f} s"
        limit = self.settings.give_up_seconds + self.settings.transaction_timeout_ms / 1000
        for pipeline, _ in self._pipelines.values():
            silence = time.monotonic() - pipeline.polled_at
            if silence > limit and pipeline.recovery.waiting is None:
                return f"{pipeline.name} was last polled {silence:.0f} s ago"
        return None

    def _lags(self) -> list[PartitionLag]:
        return [pipeline.lag() for pipeline, _ in self._pipelines.values()]
