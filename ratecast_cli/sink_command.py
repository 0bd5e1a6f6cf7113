"""``ratecast sink postgres``."""

from __future__ import annotations

from typing import Annotated

import typer

from ratecast_cli import parameters  # noqa: TC001 - typer reads the annotations when it runs
from ratecast_cli.help_pages import SETTINGS, App


def register(app: typer.Typer) -> None:
    """Attach the command."""
    group = App(help="Write predictions and dead letters to a database.")
    group.callback(invoke_without_command=True)(_help)
    group.command(
        "postgres",
        help="Write predictions and dead letters to PostgreSQL 14 or newer until stopped. The offsets are stored in the "
        "same transactions as the rows, so each record has one row whatever is killed. The command creates and updates "
        "its tables. A second sink of the same topics stands by until the first one ends.\n\n"
        "The connection comes from RATECAST_POSTGRES_DSN, or from libpq's variables (PGHOST, PGUSER, PGDATABASE, "
        "PGPASSWORD, PGPASSFILE). It is no option, because every user of a machine can see the options of its "
        "processes.\n\n"
        "While the database is down, full or read-only, the sink tries again. It exits with code 1 after "
        "RATECAST_GIVE_UP_SECONDS.",
        short_help="Write predictions and dead letters to PostgreSQL.",
        epilog="Example: RATECAST_POSTGRES_DSN=postgresql://ratecast@db/rates ratecast sink postgres\n\n"
        "Ctrl-C or SIGTERM lets the sink finish its current batch.",
    )(postgres)
    app.add_typer(group, name="sink")


def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def postgres(
    *,
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help="At the end of the topics, wait for more records or stop."),
    ] = True,
    postgres_schema: Annotated[
        str | None,
        typer.Option("--schema", metavar="NAME", rich_help_panel=SETTINGS, help="Schema of the tables."),
    ] = None,
    bootstrap_servers: parameters.BootstrapServers = None,
    http_host: parameters.HttpHost = None,
    http_port: parameters.HttpPort = None,
    log_level: parameters.LogLevel = None,
) -> None:
    """Read settings, create the sink, run it."""
    import asyncio
    import logging

    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging
    from ratecast_cli.worker_command import with_free_port
    from ratecast_stack.extras import require_modules

    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        postgres_schema=postgres_schema,
        http_host=http_host,
        http_port=http_port,
        log_level=log_level,
    )
    configure_logging(settings)
    require_modules("the sink", ("psycopg",))
    # It warns of each connection that it closes after an error. The sink logs the error itself, with a remedy.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    settings = with_free_port(settings)

    async def run() -> None:
        from sink.postgres_sink import PostgresSink

        await PostgresSink(settings, follow=follow).run()

    asyncio.run(run())
