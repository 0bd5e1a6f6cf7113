"""``ratecast worker``."""

from __future__ import annotations

from typing import Annotated

import typer

from ratecast_cli import parameters


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "worker",
        help="Score rate histories until stopped: read the input topic, publish predictions and dead letters, "
        "each message exactly once. Start as many as there are partitions.",
        short_help="Score rate histories until stopped.",
        epilog="Ctrl-C or SIGTERM finishes the batch in hand. Metrics: http://127.0.0.1:8000/metrics",
    )(worker)


def worker(  # noqa: PLR0913 - each argument is an option of the command
    *,
    bootstrap_servers: parameters.BootstrapServers = None,
    models_dir: parameters.ModelsDir = None,
    http_host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            rich_help_panel=parameters.SETTINGS,
            help=r"Where to serve metrics and health. \[env: RATECAST_HTTP_HOST]",
        ),
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            rich_help_panel=parameters.SETTINGS,
            help=r"Port of the same; 0 takes a free one. \[env: RATECAST_HTTP_PORT]",
        ),
    ] = None,
    group_id: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=parameters.SETTINGS,
            help=r"Consumer group. \[env: RATECAST_GROUP_ID]",
        ),
    ] = None,
    guarantee: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            rich_help_panel=parameters.SETTINGS,
            help=r"exactly-once, or at-least-once for brokers without transactions. \[env: RATECAST_GUARANTEE]",
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            rich_help_panel=parameters.SETTINGS,
            help=r"DEBUG, INFO, WARNING or ERROR. \[env: RATECAST_LOG_LEVEL]",
        ),
    ] = None,
) -> None:
    """Read settings, wire the worker, run it."""
    import asyncio

    from consumer.worker import Worker
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging

    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        models_dir=models_dir,
        http_host=http_host,
        http_port=http_port,
        group_id=group_id,
        guarantee=guarantee,
        log_level=log_level,
    )
    configure_logging(settings)

    async def run() -> None:
        await Worker(settings).run()

    asyncio.run(run())
