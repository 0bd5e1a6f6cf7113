"""The demo, in order: model, broker, workers, replay, live table, audit, summary."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from producer.plan import histories
from producer.plan.pace import parse_rate
from producer.replay import replay
from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast.kafka.audit import audit
from ratecast.kafka.topics import ensure_topics
from ratecast.model.bundle import current_version, load
from ratecast.rates.tables import load_ecb
from ratecast_stack.demo.observer import Observer
from ratecast_stack.demo.summary import Summary, summarise
from ratecast_stack.embedded import EmbeddedBroker
from ratecast_stack.workers import start_worker, stop_workers, wait_ready

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from producer.plan.histories import Plan
    from producer.replay import ReplaySummary
    from ratecast.model.training_stats import TrainingStats
    from ratecast.settings import Settings
    from ratecast_stack.workers import WorkerProcess

TRAIN_UNTIL = dt.date(2024, 12, 31)
_SILENCE_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class DemoOptions:
    """What the demo replays and how."""

    start: dt.date = TRAIN_UNTIL + dt.timedelta(days=1)
    end: dt.date | None = None
    pairs: tuple[str, ...] = ()  # every pair of the model when empty
    rate: str = "800/s"
    workers: int = 2
    keep_running: bool = False


@dataclass(frozen=True)
class Stage:
    """What the command shows while the demo runs."""

    say: Callable[[str], None]
    watch: Callable[[Observer, int], contextlib.AbstractContextManager[Callable[[], None]]]
    linger: Callable[[str, list[str], Summary], Awaitable[None]]


def plan_replay(stats: TrainingStats, options: DemoOptions) -> Plan:
    """The messages to publish: the model's pairs that the ECB quotes, over the span asked for.

    Raises:
        UsageError: there is nothing to replay.
    """
    table = load_ecb()
    quoted = {"EUR", *table.currencies}
    pairs = options.pairs or tuple(p for p in stats.pairs if set(p.split("/")) <= quoted)
    if unknown := [pair for pair in pairs if pair not in stats.pairs]:
        raise UsageError(f"the model does not know {unknown[0]}: choose from {', '.join(stats.pairs)}")
    return histories.plan(table, pairs, options.start, options.end)


def current_stats(settings: Settings) -> TrainingStats | None:
    """The current model's statistics; None when there is no model yet.

    Raises:
        ModelBundleError: there is one, and it is damaged.
    """
    try:
        version = current_version(settings.models_dir)
    except ModelBundleError:
        return None
    return load(settings.models_dir, version).stats


async def run_demo(settings: Settings, stats: TrainingStats, options: DemoOptions, stage: Stage) -> Summary:
    """Run everything and leave nothing behind, whatever happens.

    Args:
        settings: the models directory is taken from it; brokers, topics and group are the demo's own.
        stats: of the current model.
        options: what to replay.
        stage: how to show it.

    Raises:
        RatecastError: a part could not be started or stopped working.
    """
    plan = plan_replay(stats, options)
    home = Path(tempfile.mkdtemp(prefix="ratecast-demo-"))
    try:
        with EmbeddedBroker(home / "broker") as broker:
            stage.say(f"broker    {broker.bootstrap_servers}, embedded")
            own = settings.model_copy(update={"bootstrap_servers": broker.bootstrap_servers})
            await ensure_topics(own)
            workers = [await start_worker(n + 1, home, _environment(own)) for n in range(options.workers)]
            try:
                await wait_ready(workers)
                for number, worker in enumerate(workers, 1):
                    stage.say(f"worker {number}  pid {worker.process.pid}, {worker.metrics_url}")
                summary = await _replay_and_judge(own, stats, plan, workers, options, stage)
                if options.keep_running:
                    urls = [worker.metrics_url for worker in workers]
                    await stage.linger(broker.bootstrap_servers, urls, summary)
            finally:
                await stop_workers(workers)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return summary


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "RATECAST_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "RATECAST_MODELS_DIR": str(settings.models_dir.resolve()),
        "RATECAST_LOG_LEVEL": "WARNING",
    }


async def _replay_and_judge(
    settings: Settings,
    stats: TrainingStats,
    plan: Plan,
    workers: list[WorkerProcess],
    options: DemoOptions,
    stage: Stage,
) -> Summary:
    observer = Observer(settings)
    reading = asyncio.create_task(observer.run())
    try:
        with stage.watch(observer, len(plan)) as refresh:
            published = await _replay(settings, plan, options, refresh)
            await _until_all_done(observer, reading, workers, published.messages, refresh)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    return summarise(await audit(settings), observer, published, stats, options.rate)


async def _replay(
    settings: Settings, plan: Plan, options: DemoOptions, refresh: Callable[[], None]
) -> ReplaySummary:
    replaying = asyncio.create_task(replay(settings, plan, parse_rate(options.rate)))
    try:
        while not replaying.done():
            refresh()
            await asyncio.wait([replaying], timeout=0.1)
    finally:
        replaying.cancel()
    return replaying.result()


async def _until_all_done(
    observer: Observer,
    reading: asyncio.Task[None],
    workers: list[WorkerProcess],
    published: int,
    refresh: Callable[[], None],
) -> None:
    """Wait until every input's outcome has been read; give up when nothing moves any more."""
    loop = asyncio.get_running_loop()
    done, moved = 0, loop.time()
    while (now_done := observer.scored + observer.dead_letters) < published:
        if now_done > done:
            done, moved = now_done, loop.time()
        if reading.done():
            reading.result()
        if ended := [worker for worker in workers if worker.process.returncode is not None]:
            last = ended[0].log.read_text(errors="replace").strip().splitlines()[-1:]
            raise OperationError(f"a worker ended: {' '.join(last) or 'its log is empty'}")
        if loop.time() - moved > _SILENCE_LIMIT_SECONDS:
            return  # the audit will name what is missing
        refresh()
        await asyncio.wait([reading], timeout=0.1)
    refresh()
