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
from ratecast_cli import console, logs, parameters, progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from producer.plan.faults import Fault
    from producer.plan.faulty_feed import Injection
    from producer.plan.histories import Plan
    from producer.plan.pace import Pace
    from producer.replay import ReplayProgress, ReplaySummary
    from ratecast.settings import Settings

INTERRUPTED = 130
_RATED_SECONDS = 1.0


def _kinds() -> str:
    """The kinds of faults for the help: how long each lasts by itself, and what it is."""
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
        short_help="Publish historical rates as if they came in now.",
        help="Publish historical rates as if they came in now: for each pair and day one message with the "
        "rates up to that day, all pairs of a day before the next day. The same span always gives the same "
        "messages, so a run can be resumed or repeated. No message reaches across a hole of more than 10 days.",
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
        typer.Option(metavar="AAA/BBB", help=r"A pair; repeatable. \[default: 20 pairs, or all of --csv]"),
    ] = None,
    rate: Annotated[
        str, typer.Option(metavar="N/s|max", help="Messages a second, or as fast as it goes.")
    ] = "max",
    loop: Annotated[
        bool, typer.Option("--loop", help="Begin again at the end, until Ctrl-C, which ends it in order.")
    ] = False,
    window: Annotated[int, typer.Option(min=3, max=1024, help="Rates a message.")] = 61,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help=r"Your rates: date and a column a currency, or date,pair,rate. \[default: ECB]",
        ),
    ] = None,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar=SYNTAX,
            help="A fault of the feed, from the first rate on or after DATE, for N rates; in every replayed "
            "pair when none is named; repeatable. Each message whose history reaches into the faulty rates "
            "carries it. The kinds are below.",
        ),
    ] = None,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the rates, make the plan, publish it, say what was published."""
    from producer.plan import histories
    from producer.plan.pace import parse_rate
    from ratecast.rates import tables as rates
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging

    settings = load_settings(bootstrap_servers=bootstrap_servers)
    pace, first, last = (
        parse_rate(rate),
        parameters.parse_day("--from", start),
        parameters.parse_day("--to", end),
    )
    faults = [parse_fault(text) for text in inject or ()]
    configure_logging(settings)
    logs.quiet_client(settings)
    table = rates.load_ecb() if csv is None else rates.load_csv(csv)
    pairs = parameters.parse_pairs(pair) or (rates.DEFAULT_PAIRS if csv is None else tuple(table.columns))
    plan = histories.plan(table, pairs, first, last, window, faults)
    if plan.left_out:
        console.err.print(f"left out, no {window} rates there: {', '.join(plan.left_out)}", markup=False)
    for line in describe_holes(plan):
        console.err.print(line, markup=False, soft_wrap=True)
    for fault in faults:
        console.err.print(describe(fault, plan.injected), markup=False, soft_wrap=True)
    summary = asyncio.run(_run(settings, plan, pace, loop))
    if json:
        console.print_json(as_json(summary, plan.injected))
    else:
        show(summary)
    if summary.resume_from is not None:
        # To be stopped is how a loop ends: nothing failed.
        what = "stopped" if loop else "interrupted"
        console.err.print(f"{what}: resume with --from {summary.resume_from}", markup=False)
        raise SystemExit(0 if loop else INTERRUPTED)


def describe(fault: Fault, injected: Sequence[Injection]) -> str:
    """One line on what a fault did to the rates that the messages show: where, since when, how many rates."""
    own = [injection for injection in injected if injection.fault is fault]
    first, last = min(i.days[0] for i in own), max(i.days[-1] for i in own)
    where = own[0].pair if len(own) == 1 else f"{len(own)} pairs"
    count = sum(len(i.days) for i in own)
    rates = f"{count:,} {'rate' if count == 1 else 'rates'}"
    verb = "missing" if fault.kind in TAKES_RATES_AWAY else "faulty"
    days = f"{first}" if first == last else f"{first} to {last}"
    line = f"injected {fault.kind} into {where}: {rates} {verb}, {days}"
    others = [f"{i.other} as {i.pair}" for i in own if i.other is not None]
    if fault.other is not None:
        others = [f"those of {fault.other}"]
    return f"{line} ({', '.join(others)})" if others else line


def describe_holes(plan: Plan) -> Iterator[str]:
    """A line a pair with holes: the longest, and what became of the messages after each."""
    for pair, found in groupby(plan.holes, key=lambda hole: hole.pair):
        holes = list(found)
        longest = max(holes, key=lambda hole: hole.after - hole.before)
        more = f", the longest of {len(holes)} holes" if len(holes) > 1 else ""
        yield (
            f"{pair}: no rates between {longest.before} and {longest.after}{more}; "
            f"no message until there are {plan.window} rates again"
        )


async def _run(settings: Settings, plan: Plan, pace: Pace, loop: bool) -> ReplaySummary:  # noqa: FBT001
    from producer.replay import replay as publish

    stop = asyncio.Event()
    with _stopped_by_signals(stop) as begun, progress.replay_bar(None if loop else len(plan)) as advance:

        def on_progress(now: ReplayProgress) -> None:
            begun.set()
            advance(now.day, now.sent)

        try:
            return await publish(settings, plan, pace, loop=loop, stop=stop, on_progress=on_progress)
        except asyncio.CancelledError:
            # Stopped while it waited for brokers, a loop ends as it does later; a second signal cuts it off.
            raise SystemExit(0 if loop and not stop.is_set() else INTERRUPTED) from None


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[asyncio.Event]:
    """The first SIGINT or SIGTERM stops in order; a second, or one before anything was sent, at once.

    Yields the event to set when sending has begun.
    """
    task, begun = asyncio.current_task(), asyncio.Event()
    assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task

    def on_signal() -> None:
        if begun.is_set() and not stop.is_set():
            stop.set()
        else:
            task.cancel()

    with on_stop_signal(on_signal):
        yield begun


def as_json(summary: ReplaySummary, injected: Sequence[Injection]) -> dict[str, object]:
    """The summary for programs, with what each fault did to each pair."""
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
    """The summary for people."""
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
    # What is done in less says nothing of a rate.
    speed = f", {summary.messages_per_second:,.0f} msg/s" if summary.seconds >= _RATED_SECONDS else ""
    table.add_row("time", f"{summary.seconds:,.2f} s{speed}")
    table.add_row("partitions", f"{summary.partitions_used} of {summary.partitions}")
    console.show(table)
