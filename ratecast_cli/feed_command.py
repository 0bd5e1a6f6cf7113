"""``ratecast feed``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ratecast.errors import OperationError, UsageError
from ratecast.feed_settings import FeedSettings
from ratecast_cli import console, parameters
from ratecast_cli.help_pages import SETTINGS
from ratecast_cli.interruption import interruptible
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from producer.feed.publication_times import Timetable
    from producer.feed.single_turn import Turn
    from producer.feed.source import Source
    from ratecast.settings import Settings

_KINDS = get_args(FeedSettings.model_fields["feed_source"].annotation)
_OF_THE_ECB = ("ecb", "ecb-sdmx", "frankfurter")


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "feed",
        short_help="Publish new rates of a central bank as they appear.",
        help="Publish new rates of a central bank as they appear, until stopped. The feed polls its source and publishes a "
        "message with the newest 61 rates for each pair and new day, as a replay does. It keeps no file: what was "
        "published before is read back from the topic, so a restart continues, days that were missed are caught up in "
        "order, and a second feed publishes nothing twice.\n\n"
        "A rate that looks like a fault beside the rates before it is held back until the next one confirms it, and named "
        "in the log. A rate that the source corrects is published again with +r1 at the end of its message id.",
        epilog="Example: ratecast feed --pair EUR/USD --pair EUR/GBP\n\n"
        "What would be published: ratecast feed --dry-run\n\n"
        "From cron: ratecast feed --once\n\n"
        "Ctrl-C or SIGTERM lets the feed finish its transaction. Metrics are on http://127.0.0.1:8000/metrics",
    )(feed)


def feed(  # noqa: PLR0913 - each argument is an option of the command
    *,
    source: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=rf"One of {', '.join(_KINDS)}. \[default: ecb]"),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL|PATH",
            help=r"Where the source is; the file or folder of csv. \[default: the source's public address]",
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AAA/BBB",
            help=r"Publish only this pair. Repeatable. \[default: 20 pairs, or all pairs of bank-of-england and csv]",
        ),
    ] = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="Poll once, publish what is there, and stop. The exit code is 0 when every rate that is due is published, "
            "and 1 otherwise.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what --once would publish, and publish nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Publish rates that look like faults too. Only with --once or --dry-run."
        ),
    ] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="With --once or --dry-run: print a line of JSON for each message."),
    ] = False,
    bootstrap_servers: parameters.BootstrapServers = None,
    http_host: parameters.HttpHost = None,
    http_port: parameters.HttpPort = None,
    feed_ca_file: Annotated[
        str | None,
        typer.Option(
            "--ca-file",
            metavar="PATH",
            rich_help_panel=SETTINGS,
            help="CA certificates to trust besides the system's when the source is polled.",
        ),
    ] = None,
    log_level: parameters.LogLevel = None,
) -> None:
    """Read settings, create the source and the feed, run it."""
    from producer.feed.sources import source_of
    from ratecast_cli.session import prepare
    from ratecast_cli.worker_command import with_free_port

    ends = once or dry_run
    for option, is_given in (("--force", force), ("--json", json)):
        if is_given and not ends:
            raise UsageError(f"{option} needs --once or --dry-run")
    if source is not None and source not in _KINDS:
        raise UsageError(f"--source: {source!r} is not one of {', '.join(_KINDS)}")
    pairs = ",".join(parameters.parse_pairs(pair)) or None
    settings = prepare(
        waits_for_names=not ends,
        bootstrap_servers=bootstrap_servers,
        feed_source=source,
        feed_address=address,
        feed_pairs=pairs,
        feed_ca_file=feed_ca_file,
        http_host=http_host,
        http_port=http_port,
        log_level=log_level,
    )
    wanted = pairs_to_publish(settings)

    async def run() -> Turn | None:
        rates = source_of(settings.feed_source, settings.feed_address or "", wanted, settings.feed_ca_file)
        if ends:
            return await _single(settings, rates, wanted, dry_run=dry_run, screened=not force)
        from producer.feed.feeder import Feeder

        await Feeder(with_free_port(settings), rates, wanted, timetable(settings)).run()
        return None

    with interruptible("what was committed is published, and the next start continues after it"):
        turn = asyncio.run(run())
    if turn is not None:
        _finish(turn, json=json, dry_run=dry_run)


async def _single(
    settings: Settings, source: Source, pairs: tuple[str, ...], *, dry_run: bool, screened: bool
) -> Turn:
    from prometheus_client import CollectorRegistry

    from monitoring.feed_metrics import FeedMetrics
    from producer.feed.feed_clock import SystemClock
    from producer.feed.feed_work import FeedWork
    from producer.feed.single_turn import take_turn
    from producer.feed.source import Reason

    metrics = FeedMetrics(CollectorRegistry(), source.name, tuple(Reason))  # nobody scrapes them
    work = FeedWork(settings, source, pairs, timetable(settings), SystemClock(), metrics, screened=screened)
    return await take_turn(work, dry_run=dry_run)


def pairs_to_publish(settings: Settings) -> tuple[str, ...]:
    """Returns the pairs of the settings, or those that a source has by default; none means all that it quotes."""
    from ratecast.rates.tables import DEFAULT_PAIRS

    default = DEFAULT_PAIRS if settings.feed_source in _OF_THE_ECB else ()
    return settings.pairs_of_feed or default


def timetable(settings: Settings) -> Timetable:
    """Returns when the source of the settings publishes: the ECB's rates have due times, others have none."""
    import datetime as dt

    from producer.feed.publication_times import Timetable

    return Timetable(
        is_daily=settings.feed_source in _OF_THE_ECB,
        late_at=dt.time.fromisoformat(settings.feed_late_at),
        poll_seconds=settings.feed_poll_seconds,
    )


def _finish(turn: Turn, *, json: bool, dry_run: bool) -> None:
    """Print the result of a turn.

    Raises:
        OperationError: rates that are due are missing.
    """
    if json:
        for message in turn.messages:
            console.print_json(
                {
                    "message_id": message.message_id,
                    "pair": message.pair,
                    "as_of": message.day,
                    "rate": message.rate,
                    "published": not dry_run,
                }
            )
        for held in turn.held:
            console.print_json(
                {"pair": held.pair, "as_of": held.day, "rate": held.rate, "held_back": held.rule}
            )
    elif dry_run:
        _show(turn)
    elif not turn.messages:
        console.note("nothing new to publish")
    if turn.missing_day is not None and not dry_run:
        more = f", and {counted(len(turn.held), 'rate')} held back" if turn.held else ""
        raise OperationError(f"the rates of {turn.missing_day} are due and not all published{more}")


def _show(turn: Turn) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("message")
    table.add_column("rate", justify="right")
    for message in turn.messages:
        table.add_row(message.message_id, f"{message.rate:g}")
    if turn.messages:
        console.show(table)
    console.note(f"would publish {counted(len(turn.messages), 'message')}")
