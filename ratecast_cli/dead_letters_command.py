"""``ratecast dead-letters list`` and ``ratecast dead-letters redeliver``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.errors import ErrorCode, UsageError
from ratecast.signals import on_stop_signal
from ratecast_cli import console, dead_letter_list, parameters
from ratecast_cli.help_pages import App
from ratecast_cli.interruption import INTERRUPTED, interruptible
from ratecast_cli.progress import reading_bar
from ratecast_cli.whole_topic import total_to_read

if TYPE_CHECKING:
    from producer.redelivery import Redelivery
    from producer.redelivery_rules import Selection
    from ratecast.settings import Settings

_SHOWN_PLACES = 10
_REASONS = {
    "cut": "the value was cut to fit the dead-letter topic; only its source topic may have the whole value",
    "replayed": "already redelivered; --again redelivers it once more",
    "max_hops": "redelivered --max-hops times already",
    "elsewhere": "not from the input topic",
}


def register(app: typer.Typer) -> None:
    """Attach the two commands."""
    group = App(help="Show messages that could not be scored, and redeliver them.")
    group.callback(invoke_without_command=True)(_help)
    group.command(
        "list",
        help="Count the dead letters by error code. For each code the newest one is shown, with its offset on the "
        "dead-letter topic and the offset of its message on the input topic. "
        "`ratecast tail dead-letters --from-beginning --no-follow` shows all of them.",
        short_help="Count the dead letters by error code and show the newest.",
        epilog="Example: ratecast dead-letters list --code unknown_pair --limit 5",
    )(list_letters)
    options: dict[str, Any] = {
        "short_help": "Publish dead letters to the input topic again.",
        "help": "Publish dead letters to the input topic again, once their cause is fixed. Key, value and headers are the "
        "original ones. Two headers are added: ratecast.hops counts how often the message was redelivered, and "
        "ratecast.replayed.from names the dead letter.\n\n"
        "Dead letters stay on their topic, but each is redelivered only once, even if an earlier run was cut off. This "
        "holds until retention deletes the redelivered message from the input topic. --again redelivers a dead letter "
        "once more. A message that fails again becomes a new dead letter.\n\n"
        "Dead letters that cannot be redelivered are rejected and listed. The exit code is still 0.",
        "epilog": "Example: ratecast dead-letters redeliver --code unknown_pair --dry-run",
    }
    group.command("redeliver", **options)(redeliver)
    group.command("replay", hidden=True, **options)(redeliver)  # the name until version 0.2
    app.add_typer(group, name="dead-letters")


def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def list_letters(
    *,
    code: Annotated[ErrorCode | None, typer.Option(metavar="CODE", help="Show only this error code.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Show the N newest dead letters of each code.")
    ] = 1,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic, print the counts."""
    from ratecast_cli.session import prepare

    settings = prepare(bootstrap_servers=bootstrap_servers)
    with interruptible("nothing was changed"):
        groups = asyncio.run(dead_letter_list.grouped(settings, code, limit))
    if json:
        console.print_json([group.as_json() for group in groups])
    else:
        dead_letter_list.show(settings, groups)


def redeliver(  # noqa: PLR0913 - each argument is an option of the command
    *,
    code: Annotated[
        list[ErrorCode] | None,
        typer.Option(metavar="CODE", help="Dead letters with this code, such as unknown_pair. Repeatable."),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="AAA/BBB", help="Dead letters with this pair as their key. Repeatable."),
    ] = None,
    partition: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Dead letters on this partition of the dead-letter topic."),
    ] = None,
    from_offset: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="First offset on that partition.")
    ] = None,
    to_offset: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Last offset on that partition.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    max_hops: Annotated[
        int, typer.Option(min=1, metavar="N", help="Reject messages that were redelivered N times already.")
    ] = 3,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Also redeliver dead letters that were redelivered before. Each copy is scored.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing, but show what would be published.")
    ] = False,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Publish the chosen dead letters, print what was published and what was rejected."""
    from ratecast_cli.session import prepare

    pairs = parameters.parse_pairs(pair)
    selection = _selection(code or [], pairs, partition, from_offset, to_offset, everything=everything)
    settings = prepare(bootstrap_servers=bootstrap_servers)
    result = asyncio.run(_redeliver(settings, selection, max_hops, again=again, dry_run=dry_run))
    if json:
        console.print_json(_as_json(result, dry_run=dry_run))
    else:
        _show_result(result, dry_run=dry_run)
    if result.interrupted:
        console.warn(f"interrupted: {result.resume_hint()}")
        raise SystemExit(INTERRUPTED)


def _selection(
    codes: list[ErrorCode],
    pairs: tuple[str, ...],
    partition: int | None,
    first: int | None,
    last: int | None,
    *,
    everything: bool,
) -> Selection:
    """Returns the dead letters that the options choose.

    Raises:
        UsageError: nothing was chosen, or the options contradict each other.
    """
    from producer.redelivery_rules import Selection

    chosen = bool(codes or pairs) or partition is not None
    if partition is None and (first is not None or last is not None):
        raise UsageError("--from-offset and --to-offset need --partition: each partition has its own offsets")
    if not chosen and not everything:
        raise UsageError("nothing is chosen: give --code, --pair, --partition or --all")
    if chosen and everything:
        raise UsageError("--all contradicts --code, --pair and --partition")
    if last is not None and (first or 0) > last:
        raise UsageError(f"--from-offset {first} is after --to-offset {last}")
    return Selection(frozenset(code.value for code in codes), partition, first or 0, last, frozenset(pairs))


async def _redeliver(
    settings: Settings, selection: Selection, max_hops: int, *, again: bool, dry_run: bool
) -> Redelivery:
    """Redeliver until done; the first SIGINT or SIGTERM stops in order, a second one at once."""
    from producer.redelivery import redeliver as publish

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
            return await publish(
                settings,
                selection,
                max_hops=max_hops,
                again=again,
                dry_run=dry_run,
                stop=stop,
                on_progress=advance,
            )
        except asyncio.CancelledError:
            console.warn("interrupted: start again; what was published is not published a second time")
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
    table.add_row("rejected", f"{sum(map(len, result.refused.values())):,}")
    console.show(table)
    for reason, places in result.refused.items():
        more = (
            f" and {len(places) - _SHOWN_PLACES:,} more (--json has all)"
            if len(places) > _SHOWN_PLACES
            else ""
        )
        shown = ", ".join(places[:_SHOWN_PLACES])
        console.line(f"rejected, {_REASONS[reason.value]}: {shown}{more}")
