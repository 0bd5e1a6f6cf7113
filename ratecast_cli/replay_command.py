"""``ratecast replay``."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path  # noqa: TC003 - typer reads the annotation when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from producer.plan.faults import NATURES, SYNTAX, TAKES_RATES_AWAY, FaultKind, parse_fault
from ratecast.signals import on_stop_signal
from ratecast_cli import console, ecb_rates, parameters, progress
from ratecast_cli.interruption import INTERRUPTED
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from producer.plan.faults import Fault
    from producer.plan.faulty_feed import Injection
    from producer.plan.histories import Plan
    from producer.plan.pace import Pace
    from producer.replay import ReplayProgress, ReplaySummary
    from ratecast.settings import Settings

_MEASURABLE_SECONDS = 1.0


def _kinds() -> str:
    """Returns the kinds of faults for the help: how long each lasts by default, and what it is."""
    lines = ["Faults, and how many rates each lasts without +N:"]
    for kind, nature in NATURES.items():
        unit = "rate" if nature.count == 1 else "days" if kind is FaultKind.GAP else "rates"
        lasts = "for good" if nature.count is None else f"{nature.count} {unit}"
        lines.append(f"  {kind} ({lasts}): {nature.meaning}")
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "replay",
        short_help="Publish historical rates as if they arrived now.",
        help="Publish historical rates as if they arrived now. There is one message for each pair and day; it contains "
        "the rates up to that day. All pairs of a day come before the next day. The same days always give the same "
        "messages, so a replay can be resumed or repeated. A message never contains rates from both sides of a hole of "
        "more than 10 days.",
        epilog="Example: ratecast replay --from 2025-01-01 --pair EUR/USD --pair EUR/GBP --rate 50/s\n\n"
        "With faults: ratecast replay --from 2025-01-01 --inject level-jump:EUR/USD@2025-03-03 "
        "--inject stuck@2025-06-02+20\n\n" + _kinds(),
    )(replay)


def replay(  # noqa: PLR0913 - each argument is an option of the command
    *,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help=r"First day to publish. \[default: the oldest]"),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help=r"Last day to publish. \[default: the newest]")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AAA/BBB",
            help=r"Publish only this pair. Repeatable. \[default: 20 pairs, or all pairs of --csv]",
        ),
    ] = None,
    rate: Annotated[
        str, typer.Option(metavar="N/s|max", help="Messages a second, or as fast as possible.")
    ] = "max",
    loop: Annotated[
        bool,
        typer.Option("--loop", help="Start again at the end. Ctrl-C finishes the current day and stops."),
    ] = False,
    window: Annotated[
        int, typer.Option(min=3, max=1024, metavar="N", help="Number of rates in each message.")
    ] = 61,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help=rf"Publish the rates of this file. {parameters.CSV_FORMAT} \[default: the ECB's rates]",
        ),
    ] = None,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar=SYNTAX,
            help="Inject a fault into the feed. It starts at the first rate on or after DATE and lasts N rates. Without "
            "a pair it affects every replayed pair. Every message whose history includes a faulty rate contains the "
            "fault. The kinds are listed below. Repeatable.",
        ),
    ] = None,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the rates, plan the messages, publish them, print a summary."""
    from producer.plan import histories
    from producer.plan.pace import parse_rate
    from ratecast.rates import tables as rates
    from ratecast_cli.session import prepare

    pace = parse_rate(rate)
    first, last = parameters.parse_day("--from", start), parameters.parse_day("--to", end)
    faults = [parse_fault(text) for text in inject or ()]
    # A loop runs as a service, which may start before the brokers have names.
    settings = prepare(bootstrap_servers=bootstrap_servers, waits_for_names=loop)
    ecb = None
    if csv is None:
        ecb = ecb_rates.load(settings)
        table = ecb.table
    else:
        table = rates.load_csv(csv)
    pairs = parameters.parse_pairs(pair) or (rates.DEFAULT_PAIRS if csv is None else tuple(table.columns))
    plan = histories.plan(table, pairs, first, last, window, faults)
    ecb_rates.announce(ecb)
    if plan.left_out:
        console.note(f"left out, with fewer than {window} rates: {', '.join(plan.left_out)}")
    for line in describe_holes(plan):
        console.note(line)
    for fault in faults:
        console.note(describe(fault, plan.injected))
    summary = asyncio.run(_run(settings, plan, pace, loop))
    if json:
        console.print_json({**as_json(summary, plan.injected), **ecb_rates.as_json(ecb)})
    else:
        show(summary)
    if summary.resume_from is not None:
        if loop:  # a loop is always ended by the user: this is no failure
            console.note(f"stopped: resume with --from {summary.resume_from}")
            raise SystemExit(0)
        console.warn(f"interrupted: resume with --from {summary.resume_from}")
        raise SystemExit(INTERRUPTED)


def describe(fault: Fault, injected: Sequence[Injection]) -> str:
    """Returns one line on what a fault did to the published rates: which pairs, which days, how many rates."""
    places = [injection for injection in injected if injection.fault is fault]
    first, last = min(i.days[0] for i in places), max(i.days[-1] for i in places)
    where = places[0].pair if len(places) == 1 else counted(len(places), "pair")
    rates = counted(sum(len(i.days) for i in places), "rate")
    effect = "missing" if fault.kind in TAKES_RATES_AWAY else "faulty"
    days = f"{first}" if first == last else f"{first} to {last}"
    line = f"injected {fault.kind} into {where}: {rates} {effect}, {days}"
    others = [f"{i.other} as {i.pair}" for i in places if i.other is not None]
    if fault.other is not None:
        others = [f"rates of {fault.other}"]
    return f"{line} ({', '.join(others)})" if others else line


def describe_holes(plan: Plan) -> Iterator[str]:
    """Yields a line for each pair with holes: the longest hole, and when messages start again."""
    for pair, found in groupby(plan.holes, key=lambda hole: hole.pair):
        holes = list(found)
        longest = max(holes, key=lambda hole: hole.after - hole.before)
        more = f", the longest of {len(holes)} holes" if len(holes) > 1 else ""
        yield (
            f"{pair}: no rates between {longest.before} and {longest.after}{more}; "
            f"the next message comes after {plan.window} more rates"
        )


async def _run(settings: Settings, plan: Plan, pace: Pace, loop: bool) -> ReplaySummary:  # noqa: FBT001
    from producer.replay import replay as publish

    stop = asyncio.Event()
    with _stopped_by_signals(stop) as started, progress.replay_bar(None if loop else len(plan)) as advance:

        def on_progress(now: ReplayProgress) -> None:
            started.set()
            advance(now.day, now.sent)

        try:
            return await publish(settings, plan, pace, loop=loop, stop=stop, on_progress=on_progress)
        except asyncio.CancelledError:
            # A loop that is stopped while it waits for brokers has not failed. A second signal cuts either off.
            if loop and not stop.is_set():
                raise SystemExit(0) from None
            console.warn("interrupted: messages in flight may or may not have been published")
            raise SystemExit(INTERRUPTED) from None


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[asyncio.Event]:
    """The first SIGINT or SIGTERM sets ``stop``; a second one, or one before the first message, cancels the task.

    Yields:
        The event to set when the first message is sent.
    """
    task, started = asyncio.current_task(), asyncio.Event()
    assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task

    def on_signal() -> None:
        if started.is_set() and not stop.is_set():
            stop.set()
        else:
            task.cancel()

    with on_stop_signal(on_signal):
        yield started


def as_json(summary: ReplaySummary, injected: Sequence[Injection]) -> dict[str, object]:
    """Returns the summary for programs, with the effect of each fault on each pair."""
    return {
        **asdict(summary),
        "seconds": round(summary.seconds, 3),
        "messages_per_second": round(summary.messages_per_second, 1),
        "injected": [
            {
                "kind": injection.fault.kind,
                "pair": injection.pair,
                "other": injection.other,
                "first_day": str(injection.days[0]),
                "last_day": str(injection.days[-1]),
                "rates": len(injection.days),
            }
            for injection in injected
        ],
    }


def show(summary: ReplaySummary) -> None:
    """Print the summary as a table."""
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("topic", summary.topic)
    table.add_row("messages", f"{summary.messages:,}")
    table.add_row("pairs", str(summary.pairs))
    table.add_row("days", f"{summary.first_day} to {summary.last_day}" if summary.first_day else "none")
    if summary.laps > 1:
        table.add_row("laps", str(summary.laps))
    # A shorter run is too short to measure a rate.
    speed = f", {summary.messages_per_second:,.0f} msg/s" if summary.seconds >= _MEASURABLE_SECONDS else ""
    table.add_row("time", f"{summary.seconds:,.2f} s{speed}")
    table.add_row("partitions", f"{summary.partitions_used} of {summary.partitions}")
    console.show(table)
