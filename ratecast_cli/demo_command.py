"""``ratecast demo``."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.signals import on_stop_signal
from ratecast_cli import console, parameters
from ratecast_cli.parameters import parse_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ratecast.model.training_stats import TrainingStats
    from ratecast.settings import Settings
    from ratecast_stack.demo.observer import Observer
    from ratecast_stack.demo.run import DemoOptions, Stage
    from ratecast_stack.demo.summary import Summary

_LOG_EVERY_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "demo",
        help="From nothing to predictions on this machine: train a model if there is none, start a broker and "
        "two workers, replay real rates from 2025 on, watch the predictions, count what became of every message. "
        "Nothing is left behind apart from the model.",
        short_help="From nothing to predictions on this machine, in a minute.",
        epilog="Try: ratecast demo --keep-running, then in another terminal: curl localhost:8000/metrics",
    )(demo)


def demo(  # noqa: PLR0913 - each argument is an option of the command
    *,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day to replay.")] = "2025-01-01",
    end: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help=r"Last day. \[default: the newest rate]")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="AAA/BBB", help=r"A pair; repeatable. \[default: all the model's]"),
    ] = None,
    rate: Annotated[str, typer.Option(metavar="N/s|max", help="Messages a second.")] = "800/s",
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 2,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Leave broker and workers up until Ctrl-C.")
    ] = False,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
) -> None:
    """Train if needed, run the demo, print its summary; fail when a message was lost or repeated."""
    from ratecast.settings import load_settings
    from ratecast_cli.demo_view import summary_table
    from ratecast_cli.logs import configure_logging
    from ratecast_stack.demo.run import DemoOptions

    settings = load_settings(models_dir=models_dir, log_level="ERROR")
    configure_logging(settings)
    options = DemoOptions(
        start=parse_day("--from", start) or dt.date.min,
        end=parse_day("--to", end),
        pairs=parameters.parse_pairs(pair),
        rate=rate,
        workers=workers,
        keep_running=keep_running,
    )
    stats = _model(settings)
    say(f"model     {stats.model_version}: {stats.headline}")
    summary = asyncio.run(_interruptible(settings, stats, options))
    report = settings.models_dir / stats.model_version / "report.html"
    if json:
        console.print_json(
            {**asdict(summary), "seen_in_training": summary.seen_in_training, "report": str(report)}
        )
    else:
        console.show(summary_table(summary))
        if summary.seen_in_training:
            console.out.print(
                "the model has seen these rates in training: its ranges look better than they are"
            )
        console.out.print(f"report    {report}", markup=False, soft_wrap=True)
    if not summary.exactly_once:
        raise SystemExit(1)


def say(line: str) -> None:
    """One line about what is going on, on stderr; a terminal too narrow for it gets it broken between words."""
    console.err.print(line, markup=False)


def _model(settings: Settings) -> TrainingStats:
    """The current model; trained first, to the end of 2024, when there is none."""
    from ratecast_stack.demo.run import TRAIN_UNTIL, current_stats

    if (stats := current_stats(settings)) is not None:
        return stats
    from ratecast_cli.extras import require_training_extra
    from ratecast_cli.parameters import require_writable
    from ratecast_cli.progress import stage_bar

    require_training_extra()
    require_writable(settings.models_dir)
    from training.train import train
    from training.train_options import TrainOptions

    say(f"training on the ECB's rates until {TRAIN_UNTIL} (once; kept in {settings.models_dir})")
    with stage_bar() as progress:
        return train(TrainOptions(settings.models_dir, until=TRAIN_UNTIL), progress).stats


async def _interruptible(settings: Settings, stats: TrainingStats, options: DemoOptions) -> Summary:
    """Run the demo; SIGINT and SIGTERM end it in order, workers and broker included."""
    from ratecast_stack.demo.run import run_demo

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task; for the type checker
    try:
        with on_stop_signal(task.cancel):
            return await run_demo(settings, stats, options, _stage())
    except asyncio.CancelledError:
        say("interrupted: everything is stopped")
        raise SystemExit(130) from None


def _stage() -> Stage:
    from ratecast_stack.demo.run import Stage

    return Stage(say=say, watch=_live if console.err.is_terminal else _log_lines, linger=_linger)


@contextlib.contextmanager
def _live(observer: Observer, total: int) -> Iterator[Callable[[], None]]:
    """A table that stays in place, on a terminal."""
    from rich.live import Live

    from ratecast_cli.demo_view import ended, live

    with Live(console=console.err, auto_refresh=False) as table:
        yield lambda: table.update(live(observer, total), refresh=True)
        table.update(ended(observer, total))


@contextlib.contextmanager
def _log_lines(observer: Observer, total: int) -> Iterator[Callable[[], None]]:
    """A line every two seconds and the table once at the end, where there is no terminal."""
    import time

    from ratecast_cli.demo_view import ended, status_line

    said = time.monotonic()

    def refresh() -> None:
        nonlocal said
        if time.monotonic() - said >= _LOG_EVERY_SECONDS:
            said = time.monotonic()
            say(status_line(observer, total))

    yield refresh
    console.show(ended(observer, total), console.err)


async def _linger(bootstrap_servers: str, metrics_urls: list[str], summary: Summary) -> None:
    """Stay up until interrupted."""
    from ratecast_cli.demo_view import summary_table

    console.show(summary_table(summary), console.err)
    say(
        f"still running: RATECAST_BOOTSTRAP_SERVERS={bootstrap_servers}, metrics at {', '.join(metrics_urls)}"
    )
    say("Ctrl-C ends it")
    stopped = asyncio.Event()
    with on_stop_signal(stopped.set):
        await stopped.wait()
