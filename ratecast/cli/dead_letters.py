"""``ratecast dead-letters list`` and ``ratecast dead-letters replay``."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.cli import console
from ratecast.cli.reading import reading_bar, total_to_read, whole_topic
from ratecast.cli.replay import INTERRUPTED
from ratecast.errors import ErrorCode, UsageError
from ratecast.signals import on_stop_signal

if TYPE_CHECKING:
    from producer.redelivery import Redelivery, Selection
    from ratecast.settings import Settings
    from ratecast.tail import Record

_SHOWN_BYTES = 60
_SHOWN_PLACES = 10
_REASONS = {
    "cut": "cut to fit the dead-letter topic; the whole value lies, if anywhere, at its source",
    "max_hops": "replayed --max-hops times already",
    "elsewhere": "not from the input topic",
}


def register(app: typer.Typer) -> None:
    """Attach the two commands."""
    group = typer.Typer(help="See what could not be scored, by reason, and give it another try.")
    group.command(
        "list",
        help="Count the dead letters by error code, each with its newest and where it lies and came from. "
        "`ratecast tail dead-letters --from-beginning --no-follow` shows every single one.",
        epilog="Example: ratecast dead-letters list --code unknown_pair --limit 5",
    )(list_letters)
    group.command(
        "replay",
        help="Publish dead letters back to the input topic, once their cause is mended: original key, value "
        "and headers, and a header ratecast.hops that counts the rounds. The letters stay on their topic: "
        "replaying them twice publishes them twice, and each copy is scored. --dry-run shows what would "
        "be published. Letters that cannot or must not be replayed are refused and named; exit code 0 then, too.",
        epilog="Example: ratecast dead-letters replay --code unknown_pair --dry-run",
    )(replay)
    app.add_typer(group, name="dead-letters")


def list_letters(
    *,
    code: Annotated[ErrorCode | None, typer.Option(metavar="CODE", help="Only this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Samples a code, the newest.")] = 1,
    json: console.Json = False,
    bootstrap_servers: console.BootstrapServers = None,
) -> None:
    """Read the topic, say what is there."""
    settings = _prepare(bootstrap_servers)
    groups = asyncio.run(_group(settings, code, limit))
    if json:
        console.print_json([group.as_json() for group in groups])
    else:
        _show_groups(settings, groups)


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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Publish nothing, say what would be.")] = False,
    json: console.Json = False,
    bootstrap_servers: console.BootstrapServers = None,
) -> None:
    """Publish the chosen letters, say what was published and what was refused."""
    selection = _selection(code or [], partition, from_offset, to_offset, everything=everything)
    settings = _prepare(bootstrap_servers)
    result = asyncio.run(_redeliver(settings, selection, max_hops, dry_run=dry_run))
    if json:
        console.print_json(_as_json(result, dry_run=dry_run))
    else:
        _show_result(result, dry_run=dry_run)
    if result.interrupted:
        console.err.print(f"interrupted: {result.resume_hint()}", markup=False, soft_wrap=True)
        raise SystemExit(INTERRUPTED)


def _prepare(bootstrap_servers: str | None) -> Settings:
    from ratecast.cli.logs import configure_logging
    from ratecast.cli.replay import quiet_client
    from ratecast.settings import load_settings

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
    from producer.redelivery import Selection

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


@dataclass
class Group:
    """The dead letters with one code.

    Attributes:
        code: the code; None for records that carry none.
        samples: the newest.
        count: how many there are.
        newest: when the newest was published, ms since 1970.
    """

    code: str | None
    samples: list[Record] = field(default_factory=list)
    count: int = 0
    newest: int = 0

    def as_json(self) -> dict[str, Any]:
        """The group for programs; samples newest first."""
        samples = sorted(self.samples, key=_age, reverse=True)
        return {
            "code": self.code,
            "count": self.count,
            "newest": _moment(self.newest),
            "samples": [_sample(letter) for letter in samples],
        }


async def _group(settings: Settings, code: ErrorCode | None, limit: int) -> list[Group]:
    """Every code's letters, the commonest first."""
    from producer.redelivery import code_of

    groups: dict[str | None, Group] = {}
    async with aclosing(whole_topic(settings, settings.dead_letter_topic)) as batches:
        async for batch in batches:
            for letter in batch:
                found = code_of(letter)
                if code is None or found == code:
                    _add(groups.setdefault(found, Group(found)), letter, limit)
    return sorted(groups.values(), key=lambda group: (-group.count, group.code or ""))


def _add(group: Group, letter: Record, limit: int) -> None:
    """Count a letter; keep it while it is among the newest, whatever partition it came from."""
    group.count += 1
    group.newest = max(group.newest, letter.timestamp)
    group.samples.append(letter)
    if len(group.samples) > limit:
        group.samples.remove(min(group.samples, key=_age))


def _age(letter: Record) -> tuple[int, int, int]:
    """What letters are ordered by; many of one batch have the same timestamp."""
    return letter.timestamp, letter.partition, letter.offset


def _sample(letter: Record) -> dict[str, Any]:
    from producer.redelivery import hops_of
    from ratecast.cli.tail import printable
    from ratecast.tail import dead_letter, readable

    shown = dead_letter(letter)
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "source": shown["source"],
        "message": shown["message"],
        "hops": hops_of(letter),
        "key": readable(letter.key),
        "value": printable(letter.value and letter.value[: 2 * _SHOWN_BYTES], _SHOWN_BYTES),
    }


def _moment(milliseconds: int) -> str:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).isoformat(timespec="seconds")


def _show_groups(settings: Settings, groups: list[Group]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not groups:
        console.out.print(f"no dead letters on {settings.dead_letter_topic}", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("code", "count", "newest"):
        table.add_column(name, justify="right" if name == "count" else "left", no_wrap=True)
    for group in groups:
        table.add_row(group.code or "-", f"{group.count:,}", _moment(group.newest))
    console.out.print(table)
    for group in groups:
        for sample in group.as_json()["samples"]:
            heading = f"{group.code or '-'}: {sample['message'] or '-'}"
            console.out.print(Text(f"\n{heading}", style="bold"), soft_wrap=True)
            source = sample["source"]
            origin = f"{source['topic']}-{source['partition']}@{source['offset']}"
            place = f"  at partition {sample['partition']} offset {sample['offset']}, from {origin}"
            hops = f", replayed {sample['hops']} times" if sample["hops"] else ""
            console.out.print(f"{place}{hops}\n  {sample['value']}", markup=False, soft_wrap=True)


async def _redeliver(settings: Settings, selection: Selection, max_hops: int, *, dry_run: bool) -> Redelivery:
    """Replay until done; the first SIGINT or SIGTERM ends it in order, the second at once."""
    from producer.redelivery import redeliver

    total = await total_to_read(settings, [settings.dead_letter_topic])
    task, stop = asyncio.current_task(), asyncio.Event()
    assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    with on_stop_signal(on_signal), reading_bar(total) as advance:
        try:
            return await redeliver(
                settings, selection, max_hops=max_hops, dry_run=dry_run, stop=stop, on_progress=advance
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
    console.out.print(table)
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
