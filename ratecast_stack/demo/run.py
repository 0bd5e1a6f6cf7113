"""The demo, in order: model, broker, workers, replay, live table, audit, summary."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.plan import histories
from producer.plan.pace import parse_rate
from producer.replay import replay
from ratecast.errors import UsageError
from ratecast.kafka.audit import audit
from ratecast.model.optional_forecasts import available
from ratecast.rates.freshest import freshest
from ratecast.signals import on_stop_signal
from ratecast_stack.demo.observer import Observer
from ratecast_stack.demo.summary import Summary, summarise
from ratecast_stack.local_stack import TRAIN_UNTIL, local_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from producer.plan.histories import Plan
    from producer.replay import ReplaySummary
    from ratecast.model.training_stats import TrainingStats
    from ratecast.rates.tables import RateTable
    from ratecast.settings import Settings
    from ratecast_stack.local_stack import LocalStack

_SILENCE_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class DemoOptions:
    """What the demo replays and how."""

    start: dt.date = TRAIN_UNTIL + dt.timedelta(days=1)
    end: dt.date | None = None
    pairs: tuple[str, ...] = ()  # every pair of the model if empty
    rate: str = "800/s"
    workers: int = 2


@dataclass(frozen=True)
class View:
    """How the command shows a running demo.

    Attributes:
        report: shows one line.
        watch: opens a view of an observer and the number of messages; yields the function that refreshes it.
        finish: shows the summary while everything still runs.
    """

    report: Callable[[str], None]
    watch: Callable[[Observer, int], contextlib.AbstractContextManager[Callable[[], None]]]
    finish: Callable[[Summary, LocalStack], None]


def plan_replay(table: RateTable, stats: TrainingStats, options: DemoOptions) -> Plan:
    """Returns the messages to publish: the model's pairs that the ECB quotes, over the chosen days.

    Raises:
        UsageError: there is nothing to replay.
    """
    quoted = {"EUR", *table.currencies}
    pairs = options.pairs or tuple(p for p in stats.pairs if set(p.split("/")) <= quoted)
    if unknown := [pair for pair in pairs if pair not in stats.pairs]:
        raise UsageError(f"the model does not know {unknown[0]}: choose from {', '.join(stats.pairs)}")
    return histories.plan(table, pairs, options.start, options.end)


def run_demo(settings: Settings, stats: TrainingStats, options: DemoOptions, view: View) -> Summary:
    """Run everything, stop it in order and remove its files.

    Args:
        settings: the models directory is taken from it; the broker is the demo's.
        stats: those of the current model.
        options: what to replay.
        view: how to show it.

    Raises:
        RatecastError: a part could not be started, or it stopped working.
        KeyboardInterrupt: SIGINT or SIGTERM ended the demo early.
    """
    today = dt.datetime.now(dt.UTC).date()
    rates = freshest(settings.rates_file, today)
    for line in filter(None, (rates.unused, rates.describe(today))):
        view.report(f"rates     {line}")
    plan = plan_replay(rates.table, stats, options)
    settings = with_ranges_ahead(settings, stats)
    with local_stack(settings, options.workers, view.report, with_page=True) as stack:
        summary = asyncio.run(_until_signal(_replay_and_audit(stack, stats, plan, options, view)))
        if summary is None:
            raise KeyboardInterrupt
        view.finish(summary, stack)
    return summary


def with_ranges_ahead(settings: Settings, stats: TrainingStats) -> Settings:
    """Returns settings with ranges for all steps that the model has, unless the user chose steps: the page draws them."""
    steps = available(stats).horizons
    if "horizons" in settings.model_fields_set or not steps:
        return settings
    return settings.model_copy(update={"horizons": ",".join(map(str, steps))})


async def _until_signal(work: Coroutine[None, None, Summary]) -> Summary | None:
    """Returns None if SIGINT or SIGTERM cut the work off."""
    task = asyncio.ensure_future(work)
    with on_stop_signal(task.cancel):
        try:
            return await task
        except asyncio.CancelledError:
            return None


async def _replay_and_audit(
    stack: LocalStack, stats: TrainingStats, plan: Plan, options: DemoOptions, view: View
) -> Summary:
    observer = Observer(stack.settings)
    reading = asyncio.create_task(observer.run())
    try:
        with view.watch(observer, len(plan)) as refresh:
            published = await _replay(stack.settings, plan, options, refresh)
            await _until_all_read(observer, reading, stack, published.messages, refresh)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    return summarise(await audit(stack.settings), observer, published, stats, options.rate)


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


async def _until_all_read(
    observer: Observer,
    reading: asyncio.Task[None],
    stack: LocalStack,
    published: int,
    refresh: Callable[[], None],
) -> None:
    """Wait until the outcome of every input has been read, or until none arrives any more."""
    loop = asyncio.get_running_loop()
    read, newest_at = 0, loop.time()
    # The page can publish faults, which are inputs as well.
    while (read_now := observer.scored + observer.dead_letters) < max(published, observer.published):
        if read_now > read:
            read, newest_at = read_now, loop.time()
        if reading.done():
            reading.result()
        stack.require_running()
        if loop.time() - newest_at > _SILENCE_LIMIT_SECONDS:
            return  # the audit then names what is missing
        refresh()
        await asyncio.wait([reading], timeout=0.1)
    refresh()
