"""``ratecast demo``."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast_cli import console, parameters
from ratecast_cli.interruption import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ratecast_stack.demo.observer import Observer
    from ratecast_stack.demo.summary import Summary
    from ratecast_stack.local_stack import LocalStack

_LOG_EVERY_SECONDS = 2.0
_WATCH_SECONDS = 0.2
_NEXT = (
    "next      start the parts yourself, each in its own terminal: `ratecast broker`, `ratecast worker`, "
    "`ratecast tail`, `ratecast replay --from 2025-01-01 --rate 20/s`"
)


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "demo",
        help="Go from nothing to predictions on this machine. The demo trains a model if there is none, starts a "
        "broker and two workers, replays real rates from 2025 on, shows the predictions, and counts what became of "
        "every message. It leaves nothing behind except the model.",
        short_help="See everything work on this machine, in a minute.",
        epilog="Example: ratecast demo --keep-running\n\n"
        "While it runs, open http://127.0.0.1:8000/ in a browser, or ask in another terminal: "
        "curl localhost:8000/predict -H 'Content-Type: application/json' -d '{\"history\": [0.85, 0.86, 0.87]}'",
    )(demo)


def demo(  # noqa: PLR0913 - each argument is an option of the command
    *,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day to replay.")] = "2025-01-01",
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help=r"Last day to replay. \[default: the newest]"),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AAA/BBB",
            help=r"Replay only this pair. Repeatable. \[default: all pairs of the model]",
        ),
    ] = None,
    rate: Annotated[
        str, typer.Option(metavar="N/s|max", help="Messages a second, or as fast as possible.")
    ] = "800/s",
    workers: Annotated[int, typer.Option(min=1, max=16, metavar="N", help="Number of worker processes.")] = 2,
    keep_running: Annotated[
        bool,
        typer.Option(
            "--keep-running", help="Keep the broker, the workers and the page running until Ctrl-C."
        ),
    ] = False,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
) -> None:
    """Train if needed, run the demo, print its summary; fail if a message was lost or duplicated."""
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging
    from ratecast_cli.parameters import parse_day
    from ratecast_cli.progress import stage_bar
    from ratecast_stack.demo.run import DemoOptions, View, run_demo
    from ratecast_stack.interrupts import signals_interrupt
    from ratecast_stack.local_stack import ensure_model

    settings = load_settings(models_dir=models_dir, log_level="ERROR")
    configure_logging(settings)
    options = DemoOptions(
        start=parse_day("--from", start) or dt.date.min,
        end=parse_day("--to", end),
        pairs=parameters.parse_pairs(pair),
        rate=rate,
        workers=workers,
    )
    with interruptible("the broker and the workers are stopped; a model that was trained is kept"):
        with stage_bar() as progress:
            stats = ensure_model(settings, say, progress)
        say(f"model     {stats.model_version}: {stats.headline}")
        view = View(
            report=say,
            watch=_live if console.err.is_terminal else _log_lines,
            finish=partial(_finish, json=json, keep_running=keep_running),
        )
        with signals_interrupt():
            summary = run_demo(settings, stats, options, view)
    if not summary.exactly_once:
        raise SystemExit(1)


def say(line: str) -> None:
    """Write one line to stderr; a terminal wraps it between words."""
    console.err.print(line, markup=False)


def _finish(summary: Summary, stack: LocalStack, *, json: bool, keep_running: bool) -> None:
    """Print the summary and the next step; with --keep-running, stay up until interrupted."""
    from ratecast_cli.demo_view import summary_table

    report = stack.settings.models_dir / summary.model_version / "report.html"
    if json:
        console.print_json(
            {**asdict(summary), "seen_in_training": summary.seen_in_training, "report": str(report)}
        )
    else:
        console.show(summary_table(summary))
        if summary.seen_in_training:
            console.out.print(
                "The model was trained on these rates, so its ranges look better than they are."
            )
        console.line(f"report    {report}")
    if not keep_running:
        if stack.page_url is not None:
            say(f"page      {stack.page_url} is closed now; `ratecast demo --keep-running` leaves it open")
        say(_NEXT)
        return
    servers = stack.settings.bootstrap_servers
    if stack.page_url is not None:
        say(f"page      {stack.page_url}")
    say(f"still running, metrics at {', '.join(stack.metrics_urls)}; Ctrl-C stops everything")
    say(f"next      in another terminal: ratecast tail -b {servers} --from-beginning")
    from ratecast_stack.interrupts import signals_interrupt

    with contextlib.suppress(KeyboardInterrupt), signals_interrupt():
        while True:
            stack.require_running()
            time.sleep(_WATCH_SECONDS)


@contextlib.contextmanager
def _live(observer: Observer, total: int) -> Iterator[Callable[[], None]]:
    """Show a table that is updated in place, for a terminal."""
    from rich.live import Live

    from ratecast_cli.demo_view import ended, live

    with Live(console=console.err, auto_refresh=False) as table:
        yield lambda: table.update(live(observer, total), refresh=True)
        table.update(ended(observer, total))


@contextlib.contextmanager
def _log_lines(observer: Observer, total: int) -> Iterator[Callable[[], None]]:
    """Write a line every two seconds and the table at the end, for a pipe or a file."""
    from ratecast_cli.demo_view import ended, status_line

    shown_at = time.monotonic()

    def refresh() -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= _LOG_EVERY_SECONDS:
            shown_at = time.monotonic()
            say(status_line(observer, total))

    yield refresh
    console.show(ended(observer, total), console.err)
