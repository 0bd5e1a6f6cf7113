"""``ratecast web``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ratecast_cli import parameters  # noqa: TC001 - typer reads the annotations when it runs
from ratecast_cli.help_pages import SETTINGS
from ratecast_cli.worker_command import free_port_from

if TYPE_CHECKING:
    from ratecast.settings import Settings


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "web",
        help="Serve a page that shows rates, ranges and faults as they arrive, and predictions over HTTP. The program "
        "joins no consumer group, so workers are not affected, and several can run. It keeps the newest predictions in "
        "memory only, and reads them again when it starts.",
        short_help="Serve the page, and predictions over HTTP.",
        epilog="Example: ratecast web --web-metrics-urls http://127.0.0.1:8001/metrics\n\n"
        "Then open http://127.0.0.1:8000/. The HTTP interface is described on http://127.0.0.1:8000/docs",
    )(web)


def web(
    *,
    bootstrap_servers: parameters.BootstrapServers = None,
    web_host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            rich_help_panel=SETTINGS,
            help="Address to listen on. Any other than loopback needs RATECAST_WEB_TOKEN.",
        ),
    ] = None,
    web_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            rich_help_panel=SETTINGS,
            help="Port to listen on. 0 picks a free port. If this is not set and the default port is taken, the next "
            "free port is used.",
        ),
    ] = None,
    web_metrics_urls: Annotated[
        str | None,
        typer.Option(
            metavar="URL,URL",
            rich_help_panel=SETTINGS,
            help="Addresses of the workers' metrics, for latency, lag and the number of workers.",
        ),
    ] = None,
    models_dir: parameters.ModelsDir = None,
    log_level: parameters.LogLevel = None,
) -> None:
    """Read settings, create the program, run it."""
    import asyncio

    from ratecast_cli.session import prepare
    from ratecast_stack.extras import WEB, require_modules

    require_modules("ratecast web", WEB)
    from web.serving import Web

    settings = with_free_port(
        prepare(
            waits_for_names=True,
            bootstrap_servers=bootstrap_servers,
            web_host=web_host,
            web_port=web_port,
            web_metrics_urls=web_metrics_urls,
            models_dir=models_dir,
            log_level=log_level,
        )
    )

    async def run() -> None:
        await Web(settings).run()

    asyncio.run(run())


def with_free_port(settings: Settings) -> Settings:
    """Returns the settings with a free port, unless the user chose the port."""
    if "web_port" in settings.model_fields_set:
        return settings
    port = free_port_from(settings.web_host, settings.web_port)
    return settings.model_copy(update={"web_port": port})
