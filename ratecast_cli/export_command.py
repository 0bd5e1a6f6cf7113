"""``ratecast export``."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotation when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast_cli import console, parameters
from ratecast_cli.interruption import interruptible
from ratecast_cli.progress import offsets_bar
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from ratecast.data.topic_export import ExportResult, Wanted
    from ratecast.settings import Settings


class FileFormat(StrEnum):
    """The format of the files."""

    PARQUET = "parquet"
    CSV = "csv"
    ARROW = "arrow"


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "export",
        help="Write predictions or dead letters to files, up to the end that the topic has now. Parquet files are "
        "partitioned by day and pair: day=2026-11-28/pair=EUR%2FUSD/part-000000.parquet. The day is that of the record's "
        "timestamp on the broker, in UTC. CSV and Arrow files have up to about 100,000 rows each.\n\n"
        "The same command again continues where the last run ended, and writes no record twice, whatever was killed: "
        "_export.json in the directory has the offsets that the files contain. Ages like 7d count from the first run. "
        "The command joins no consumer group, so workers are not affected.",
        short_help="Write predictions or dead letters to Parquet, CSV or Arrow files.",
        epilog="Example: ratecast export rates --since 7d --pair EUR/USD --format csv",
    )(export)


def export(  # noqa: PLR0913 - each argument is an option of the command
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the files.")],
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Export dead letters instead of predictions.")
    ] = False,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="Format of the files.")
    ] = FileFormat.PARQUET,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Leave out earlier records. A date or time like 2026-11-28T09:30+01:00 (UTC without a zone), or an age "
            "like 7d, 12h or 90m.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Leave out records from this time on.")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(metavar="AAA/BBB", help="Only this pair. Repeatable.")
    ] = None,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic, write the files, say what was written."""
    import datetime as dt

    from ratecast.data.time_span import Span, milliseconds
    from ratecast_cli.session import prepare
    from ratecast_stack.extras import require_modules

    pairs = tuple(sorted(set(parameters.parse_pairs(pair)))) or None
    now = dt.datetime.now(dt.UTC)
    since_ms, until_ms = milliseconds(since, now, "--since"), milliseconds(until, now, "--until")
    Span(since_ms, until_ms)
    require_modules("an export", ("pyarrow",))
    settings = prepare(bootstrap_servers=bootstrap_servers)
    from ratecast.data.topic_export import DEAD_LETTERS, PREDICTIONS, Wanted

    wanted = Wanted(
        directory,
        DEAD_LETTERS if dead_letters else PREDICTIONS,
        file_format.value,
        *(pairs, since, until, since_ms, until_ms),
    )
    with interruptible(f"what {directory} has is whole; the same command continues there"):
        result = asyncio.run(_export(settings, wanted))
    _show(settings, wanted, result)


async def _export(settings: Settings, wanted: Wanted) -> ExportResult:
    from ratecast.data.topic_export import export as write

    with offsets_bar() as advance:
        return await write(settings, wanted, advance)


def _show(settings: Settings, wanted: Wanted, result: ExportResult) -> None:
    noun = wanted.kind.removesuffix("s").replace("-", " ")
    topic = settings.output_topic if noun == "prediction" else settings.dead_letter_topic
    if result.leftovers:
        console.note(f"removed {counted(result.leftovers, 'file')} of a run that did not end")
    if result.removed:
        console.warn(
            f"retention removed {counted(result.removed, 'offset')} of {topic} before they were exported"
        )
    result.left_out.report(topic)
    earlier = result.all_rows - result.rows
    total = f", {result.all_rows:,} with those of earlier runs" if earlier else ""
    console.line(f"{counted(result.rows, noun)} written to {wanted.directory}{total}")
