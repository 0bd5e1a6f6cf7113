"""``ratecast verify``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast_cli import console, parameters
from ratecast_cli.interruption import interruptible
from ratecast_cli.progress import reading_bar
from ratecast_cli.whole_topic import total_to_read
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.kafka.audit_result import Audit, PartitionAudit
    from ratecast.settings import Settings

_SHOWN_RUNS = 8


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "verify",
        help="Count what became of every input: one prediction or dead letter, none, or several. The counts come from "
        "the topics themselves. Workers may run meanwhile: an input without an outcome is lost if its offset is below "
        "the workers' committed offset, and pending otherwise. The exit code is 1 if an input is lost, duplicated, or "
        "was removed by retention before it was scored. Pending inputs do not change the exit code. The command needs "
        "three bytes of memory for each offset.",
        short_help="Check that every input has exactly one outcome.",
        epilog="Example: ratecast verify --wait 60",
    )(verify)


def verify(
    *,
    wait: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Keep checking for up to SECONDS while inputs are pending."
        ),
    ] = 0.0,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topics, print the counts, fail if an input is lost or duplicated."""
    from ratecast.errors import OperationError
    from ratecast_cli.session import prepare

    settings = prepare(bootstrap_servers=bootstrap_servers)
    with interruptible("nothing was changed, and there is no result"):
        result = asyncio.run(_audit(settings, wait))
    if json:
        console.print_json(as_json(settings, result))
    else:
        show(settings, result)
    if not result.sound:
        lost = sum(part.lost.size for part in result.partitions)
        duplicated = sum(part.duplicated.size for part in result.partitions)
        removed = f", {result.removed:,} removed before they were scored" if result.removed else ""
        raise OperationError(
            f"{lost:,} of {counted(result.published, 'input')} lost, {duplicated:,} duplicated{removed}"
        )


async def _audit(settings: Settings, wait_seconds: float) -> Audit:
    from ratecast.kafka.audit import audit

    topics = [settings.input_topic, settings.output_topic, settings.dead_letter_topic]
    with reading_bar(await total_to_read(settings, topics)) as advance:
        return await audit(settings, wait_seconds=wait_seconds, on_progress=advance)


def as_json(settings: Settings, result: Audit) -> dict[str, Any]:
    """Returns the result for programs; lost and duplicated inputs are ``[first, last]`` offsets of each unbroken run."""
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
    """Print a row for each partition, then a line for each finding."""
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
        console.line(line)


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
        why = "has not reached them" if has_committed else "has never committed"
        yield f"pending: {counted(pending, 'input')} without an outcome yet; group {settings.group_id} {why}"
    if result.earlier:
        yield (
            f"unmatched: {counted(result.earlier, 'outcome')} of an earlier topic {settings.input_topic}, which was "
            "deleted and created again"
        )
    if others := result.unmatched - result.earlier:
        yield f"unmatched: {counted(others, 'outcome')} of inputs that are no longer on {settings.input_topic}"
    if result.unreadable:
        yield f"unreadable: {counted(result.unreadable, 'record')}, neither a prediction nor a dead letter"
    if not result.published:
        yield f"there are no inputs on {settings.input_topic}"
    elif result.exactly_once:
        yield "every input has exactly one outcome"


def _missing(settings: Settings, result: Audit) -> Iterator[str]:
    """Yields a line for records that were removed before they were scored, or that an open transaction hides."""
    for part in result.partitions:
        if part.removed.records:
            yield (
                f"removed: retention deleted {counted(part.removed.records, 'record')} of partition {part.partition} before "
                f"they were scored, the last at offsets {part.removed.first}-{part.removed.last} (to acknowledge this, stop "
                f"the workers and set the offsets of group {settings.group_id} with kafka-consumer-groups "
                "--reset-offsets --to-current)"
            )
        if part.held_back:
            yield (
                f"held back: {counted(part.held_back, 'record')} of partition {part.partition} behind a transaction that "
                f"their publisher left open at offset {part.held_from}"
            )


def _runs(runs: list[tuple[int, int]]) -> str:
    """Returns the first runs of offsets as text.

    >>> _runs([(3, 5), (9, 9)])
    '3-5, 9'
    """
    shown = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs[:_SHOWN_RUNS])
    rest = len(runs) - _SHOWN_RUNS
    return f"{shown} and {rest:,} more (--json has all)" if rest > 0 else shown
