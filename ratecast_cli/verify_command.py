"""``ratecast verify``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast_cli import console, parameters
from ratecast_cli.progress import reading_bar
from ratecast_cli.whole_topic import total_to_read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.kafka.audit_result import Audit, PartitionAudit
    from ratecast.settings import Settings

_SHOWN_RUNS = 8


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "verify",
        help="Count, from the topics themselves, what became of every input: one prediction or dead letter, "
        "none, or several. It may run while workers do: an input without an outcome is pending from the "
        "workers' committed offset on, and lost below it. Exit code 1 when anything is lost, duplicated or was "
        "removed by retention unscored; 0 otherwise, also while something is pending. Memory: three bytes an offset.",
        short_help="Count from the topics what became of every input.",
        epilog="Example: ratecast verify --wait 60",
    )(verify)


def verify(
    *,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Go on for so long while anything is pending.")
    ] = 0.0,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topics, say what was found, fail when it is not sound."""
    from ratecast.errors import OperationError
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging, quiet_client

    settings = load_settings(bootstrap_servers=bootstrap_servers)
    configure_logging(settings)
    quiet_client(settings)
    result = asyncio.run(_audit(settings, wait))
    if json:
        console.print_json(as_json(settings, result))
    else:
        show(settings, result)
    if not result.sound:
        lost = sum(part.lost.size for part in result.partitions)
        duplicated = sum(part.duplicated.size for part in result.partitions)
        removed = f", {result.removed:,} removed unscored" if result.removed else ""
        raise OperationError(
            f"{lost:,} of {result.published:,} inputs lost, {duplicated:,} duplicated{removed}"
        )


async def _audit(settings: Settings, wait_seconds: float) -> Audit:
    from ratecast.kafka.audit import audit

    topics = [settings.input_topic, settings.output_topic, settings.dead_letter_topic]
    with reading_bar(await total_to_read(settings, topics)) as advance:
        return await audit(settings, wait_seconds=wait_seconds, on_progress=advance)


def as_json(settings: Settings, result: Audit) -> dict[str, Any]:
    """The result for programs; offenders in full, as ``[first, last]`` offsets of each unbroken run."""
    return {
        "input_topic": settings.input_topic,
        "group_id": settings.group_id,
        "published": result.published,
        "scored": result.scored,
        "dead_lettered": result.dead_lettered,
        "exactly_one": sum(part.exactly_one for part in result.partitions),
        "pending": sum(part.pending.size for part in result.partitions),
        "lost": sum(part.lost.size for part in result.partitions),
        "duplicated": sum(part.duplicated.size for part in result.partitions),
        "removed_by_retention": result.removed,
        "held_back": result.held_back,
        "of_an_earlier_topic": result.earlier,
        "unmatched": result.unmatched,
        "unreadable": result.unreadable,
        "exactly_once": result.exactly_once,
        "partitions": [_partition_as_json(part) for part in result.partitions],
    }


def _partition_as_json(part: PartitionAudit) -> dict[str, Any]:
    from ratecast.kafka.audit_result import ranges

    return {
        "partition": part.partition,
        "committed": part.committed,
        "inputs": part.inputs,
        "scored": part.scored,
        "dead_lettered": part.dead_lettered,
        "exactly_one": part.exactly_one,
        "pending": ranges(part.pending),
        "lost": ranges(part.lost),
        "duplicated": ranges(part.duplicated),
        "removed_by_retention": part.removed.records,
        "held_back": part.held_back,
        "held_back_from": part.held_from,
        "unmatched": part.unmatched,
    }


def show(settings: Settings, result: Audit) -> None:
    """The result for people: a row a partition, the offenders, and what it comes to."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_footer=True)
    rows = [_counts(part) for part in result.partitions]
    table.add_column("partition", "all", justify="right")
    for number, name in enumerate(
        ("inputs", "scored", "dead-lettered", "exactly one", "pending", "lost", "duplicated")
    ):
        table.add_column(name, f"{sum(row[number] for row in rows):,}", justify="right")
    for part, row in zip(result.partitions, rows, strict=True):
        table.add_row(str(part.partition), *(f"{count:,}" for count in row))
    console.show(table)
    for line in _remarks(settings, result):
        console.out.print(line, markup=False, soft_wrap=True)


def _counts(part: PartitionAudit) -> tuple[int, ...]:
    return (
        *(part.inputs, part.scored, part.dead_lettered, part.exactly_one),
        *(part.pending.size, part.lost.size, part.duplicated.size),
    )


def _remarks(settings: Settings, result: Audit) -> Iterator[str]:
    from ratecast.kafka.audit_result import ranges

    for part in result.partitions:
        for name, offsets in (("lost", part.lost), ("duplicated", part.duplicated)):
            if offsets.size:
                yield f"{name} on partition {part.partition}: offsets {_runs(ranges(offsets))}"
    yield from _missing(settings, result)
    if pending := sum(part.pending.size for part in result.partitions):
        has_committed = any(part.committed is not None for part in result.partitions)
        why = "has not come to them yet" if has_committed else "has never committed"
        yield f"pending: {pending:,} inputs have no outcome yet, group {settings.group_id} {why}"
    if result.earlier:
        yield (
            f"unmatched: {result.earlier:,} outcomes are of an earlier topic {settings.input_topic}, which was deleted "
            "and made anew"
        )
    if others := result.unmatched - result.earlier:
        yield f"unmatched: {others:,} outcomes are of inputs that are not on {settings.input_topic} (any more)"
    if result.unreadable:
        yield f"unreadable: {result.unreadable:,} records are neither predictions nor dead letters"
    if not result.published:
        yield f"there are no inputs on {settings.input_topic}"
    elif result.exactly_once:
        yield "every input has exactly one outcome"


def _missing(settings: Settings, result: Audit) -> Iterator[str]:
    """What cannot be read: removed before it was scored, or hidden by an open transaction."""
    for part in result.partitions:
        if part.removed.records:
            yield (
                f"removed: retention took {part.removed.records:,} records of partition {part.partition} before they were "
                f"scored, the last of them at offsets {part.removed.first}-{part.removed.last} (to acknowledge this, stop "
                f"the workers and set the offsets of group {settings.group_id} with kafka-consumer-groups "
                "--reset-offsets --to-current)"
            )
        if part.held_back:
            yield (
                f"held back: {part.held_back:,} records of partition {part.partition} wait behind a transaction that "
                f"their publisher left open at offset {part.held_from}"
            )


def _runs(runs: list[tuple[int, int]]) -> str:
    """The first runs of offsets.

    >>> _runs([(3, 5), (9, 9)])
    '3-5, 9'
    """
    shown = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs[:_SHOWN_RUNS])
    rest = len(runs) - _SHOWN_RUNS
    return f"{shown} and {rest:,} more (--json has all)" if rest > 0 else shown
