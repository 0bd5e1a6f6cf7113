"""``ratecast worker``."""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast_cli import parameters  # noqa: TC001 - typer reads the annotations when it runs
from ratecast_cli.help_pages import SETTINGS

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)
_PORTS_TO_TRY = 100


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "worker",
        help="Score rate histories until stopped. The worker reads the input topic and publishes a prediction or a "
        "dead letter for each message, exactly once. Start several workers to share the work, at most one for each "
        "partition of the input topic.",
        short_help="Score rate histories until stopped.",
        epilog="Ctrl-C or SIGTERM lets the worker finish its current batch. "
        "Metrics are on http://127.0.0.1:8000/metrics",
    )(worker)


def worker(  # noqa: PLR0913 - each argument is an option of the command
    *,
    bootstrap_servers: parameters.BootstrapServers = None,
    models_dir: parameters.ModelsDir = None,
    http_host: parameters.HttpHost = None,
    http_port: parameters.HttpPort = None,
    group_id: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=SETTINGS, help="Consumer group of the workers."),
    ] = None,
    guarantee: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            rich_help_panel=SETTINGS,
            help="exactly-once, or at-least-once for brokers without transactions.",
        ),
    ] = None,
    log_level: parameters.LogLevel = None,
) -> None:
    """Read settings, create the worker, run it."""
    import asyncio

    from consumer.worker import Worker
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging
    from ratecast_cli.session import unresolved

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
    if names := unresolved(settings.bootstrap_servers):
        log.warning(
            "no address found for %s yet, retrying for %g s",
            ", ".join(names),
            settings.connect_timeout_seconds,
        )
    settings = with_free_port(settings)

    async def run() -> None:
        await Worker(settings).run()

    asyncio.run(run())


def with_free_port(settings: Settings) -> Settings:
    """Returns the settings with a free HTTP port, unless the user chose the port."""
    if "http_port" in settings.model_fields_set:
        return settings
    first = settings.http_port
    port = free_port_from(settings.http_host, first)
    if port != first:
        log.warning("port %d is taken: metrics are on http://%s:%d/metrics", first, settings.http_host, port)
    return settings.model_copy(update={"http_port": port})


def free_port_from(host: str, first: int) -> int:
    """Returns the first port from a number on that no process listens on; that number if there is none near it."""
    return next((port for port in range(first, first + _PORTS_TO_TRY) if _can_listen(host, port)), first)


def _can_listen(host: str, port: int) -> bool:
    """Returns False if the port is taken. Other faults are reported by the server itself."""
    try:
        (family, kind, *_, address) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True
