"""``ratecast dead-letters list`` and ``ratecast dead-letters replay``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.errors import ErrorCode, UsageError
from ratecast.signals import on_stop_signal
from ratecast_cli import console, dead_letter_list, parameters
from ratecast_cli.progress import reading_bar
from ratecast_cli.replay_command import INTERRUPTED
from ratecast_cli.whole_topic import total_to_read

if TYPE_CHECKING:
    from producer.redelivery import Redelivery
    from producer.redelivery_rules import Selection
    from ratecast.settings import Settings

_SHOWN_PLACES = 10
_REASONS = {
    "cut": "cut to fit the dead-letter topic; the whole value lies, if anywhere, at its source",
    "replayed": "replayed before; --again replays them once more",
    "max_hops": "replayed --max-hops times already",
    "elsewhere": "not from the input topic",
}


def register(app: typer.Typer) -> None:
    """Attach the two commands."""
    group = typer.Typer(help="See what could not be scored, by reason, and give it another try.")
    group.callback(invoke_without_command=True)(_help)
    group.command(
        "list",
        help="Count the dead letters by error code, each with its newest and where it lies and came from. "
        "`ratecast tail dead-letters --from-beginning --no-follow` shows every single one.",
        epilog="Example: ratecast dead-letters list --code unknown_pair --limit 5",
    )(list_letters)
    group.command(
        "replay",
        short_help="Publish dead letters back to the input topic, each once, when their cause is mended.",
        help="Publish dead letters back to the input topic, once their cause is mended: original key, value "
        "and headers, and the headers ratecast.hops, which counts the rounds, and ratecast.replayed.from, which names "
        "the letter. The letters stay on their topic, but none is replayed twice, also after a run that was cut off, "
        "as long as the input topic's retention has not deleted its replayed record; --again replays them once more. "
        "A record that fails again is a new letter. --dry-run shows what would be published. Letters that cannot or "
        "must not be replayed are refused and named; exit code 0 then, too.",
        epilog="Example: ratecast dead-letters replay --code unknown_pair --dry-run",
    )(replay)
    app.add_typer(group, name="dead-letters")


def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def list_letters(
    *,
    code: Annotated[ErrorCode | None, typer.Option(metavar="CODE", help="Only this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Samples a code, the newest.")] = 1,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic, say what is there."""
    settings = _prepare(bootstrap_servers)
    groups = asyncio.run(dead_letter_list.grouped(settings, code, limit))
    if json:
        console.print_json([group.as_json() for group in groups])
    else:
        dead_letter_list.show(settings, groups)


def replay(  # noqa: PLR0913 - each argument is an option of the command
    *,
    code: Annotated[
        list[ErrorCode] | None,
        typer.Option(metavar="CODE", help="Letters with this code, such as unknown_pair; repeatable."),
    ] = None,
    partition: Annotated[
        int | None, typer.Option(min=0, help="Letters on this partition of the dead-letter topic.")
    ] = None,
    from_offset: Annotated[int | None, typer.Option(min=0, help="From this offset there.")] = None,
    to_offset: Annotated[int | None, typer.Option(min=0, help="Up to and with this offset.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All letters.")] = False,
    max_hops: Annotated[int, typer.Option(min=1, help="Refuse what was replayed so often before.")] = 3,
    again: Annotated[
        bool,
        typer.Option("--again", help="Replay letters that were replayed before, too: each copy is scored."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Publish nothing, say what would be.")] = False,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Publish the chosen letters, say what was published and what was refused."""
    selection = _selection(code or [], partition, from_offset, to_offset, everything=everything)
    settings = _prepare(bootstrap_servers)
    result = asyncio.run(_redeliver(settings, selection, max_hops, again=again, dry_run=dry_run))
    if json:
        console.print_json(_as_json(result, dry_run=dry_run))
    else:
        _show_result(result, dry_run=dry_run)
    if result.interrupted:
        console.err.print(f"interrupted: {result.resume_hint()}", markup=False, soft_wrap=True)
        raise SystemExit(INTERRUPTED)


def _prepare(bootstrap_servers: str | None) -> Settings:
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging, quiet_client

    settings = load_settings(bootstrap_servers=bootstrap_servers)
    configure_logging(settings)
    quiet_client(settings)
    return settings


def _selection(
    codes: list[ErrorCode], partition: int | None, first: int | None, last: int | None, *, everything: bool
) -> Selection:
    """What the options choose.

    Raises:
        UsageError: nothing was chosen, or the options contradict each other.
    """
    from producer.redelivery_rules import Selection

    chosen = bool(codes) or partition is not None
    if partition is None and (first is not None or last is not None):
        raise UsageError("--from-offset and --to-offset need --partition: offsets are a partition's own")
    if not chosen and not everything:
        raise UsageError("nothing is chosen: give --code, --partition with or without offsets, or --all")
    if chosen and everything:
        raise UsageError("--all contradicts --code and --partition")
    if last is not None and (first or 0) > last:
        raise UsageError(f"--from-offset {first} lies behind --to-offset {last}")
    return Selection(frozenset(code.value for code in codes), partition, first or 0, last)


async def _redeliver(
    settings: Settings, selection: Selection, max_hops: int, *, again: bool, dry_run: bool
) -> Redelivery:
    """Replay until done; the first SIGINT or SIGTERM ends it in order, the second at once."""
    from producer.redelivery import redeliver

    total = await total_to_read(
        settings, [settings.dead_letter_topic, *([] if again else [settings.input_topic])]
    )
    task, stop = asyncio.current_task(), asyncio.Event()
    assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    with on_stop_signal(on_signal), reading_bar(total) as advance:
        try:
            return await redeliver(
                settings,
                selection,
                max_hops=max_hops,
                again=again,
                dry_run=dry_run,
                stop=stop,
                on_progress=advance,
            )
        except asyncio.CancelledError:
            raise SystemExit(INTERRUPTED) from None


def _as_json(result: Redelivery, *, dry_run: bool) -> dict[str, Any]:
    return {
        "topic": result.topic,
        "dry_run": dry_run,
        "chosen": result.chosen,
        "published": 0 if dry_run else result.published,
        "accepted": result.published,
        "by_code": result.by_code,
        "refused": {reason.value: places for reason, places in result.refused.items()},
        "interrupted": result.interrupted,
        "read_to": {str(partition): offset for partition, offset in sorted(result.read_to.items())},
    }


def _show_result(result: Redelivery, *, dry_run: bool) -> None:
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("chosen", f"{result.chosen:,}")
    table.add_row("would be published" if dry_run else "published", f"{result.published:,}")
    for code, count in sorted(result.by_code.items()):
        table.add_row(f"  {code}", f"{count:,}")
    table.add_row("refused", f"{sum(map(len, result.refused.values())):,}")
    console.show(table)
    for reason, places in result.refused.items():
        more = (
            f" and {len(places) - _SHOWN_PLACES:,} more (--json has all)"
            if len(places) > _SHOWN_PLACES
            else ""
        )
        console.out.print(
            f"refused, {_REASONS[reason.value]}: {', '.join(places[:_SHOWN_PLACES])}{more}",
            markup=False,
            soft_wrap=True,
        )
