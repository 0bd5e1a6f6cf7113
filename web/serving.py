"""Runs ``ratecast web``: the server, the feed and the scrapes, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from monitoring.web_metrics import WebMetrics
from ratecast.errors import UsageError
from ratecast.signals import on_stop_signal
from web.bounded_connections import KEEP_ALIVE_SECONDS, bounded
from web.parts import make_parts
from web.web_app import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_STOP_SECONDS = 3
_BACKLOG = 512


class _Server(uvicorn.Server):
    """A server that leaves signals to its program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing; uvicorn would raise the signal again after an orderly end."""
        yield


class Web:
    """The page and the HTTP door of one cluster.

    Args:
        settings: brokers, topics, and the settings of the web.
        connection_seconds: other limits of connections, as for `web.bounded_connections.bounded`.
    """

    def __init__(self, settings: Settings, **connection_seconds: float) -> None:
        self._settings = settings
        self._connection_seconds = connection_seconds
        self._stopping = asyncio.Event()
        self._metrics_registry = CollectorRegistry()
        ProcessCollector(registry=self._metrics_registry)
        self._metrics = WebMetrics(self._metrics_registry)
        self.parts = make_parts(settings, self._metrics)
        self.port: int | None = None

    @property
    def url(self) -> str:
        """The address of the page."""
        host = self._settings.web_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def stop(self) -> None:
        """Let `run` end, after the requests in progress."""
        self._stopping.set()

    async def run(self, *, handle_signals: bool = True) -> None:
        """Serve until stopped, by default also by SIGINT or SIGTERM.

        Raises:
            UsageError: the address cannot be listened on, or a token is missing.
        """
        with listening(self._settings) as listener:
            self.port = listener.getsockname()[1]
            with on_stop_signal(self.stop) if handle_signals else contextlib.nullcontext():
                await self._serve(listener)

    async def _serve(self, listener: socket.socket) -> None:
        server = _Server(self._config())
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(part.run()) for part in (self.parts.feed, self.parts.scrapes)]
            serving = tasks.create_task(server.serve(sockets=[listener]))
            log.info("the page is on %s, the HTTP interface is described on %sdocs", self.url, self.url)
            await self._stopping.wait()
            log.info("stopping: answering the requests in progress")
            self.parts.close_streams()
            server.should_exit = True
            await serving
            for task in beside:
                task.cancel()
        log.info("stopped")

    def _config(self) -> uvicorn.Config:
        # Its lines about starting and stopping say what ours say.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        return uvicorn.Config(
            make_app(self.parts, self._metrics_registry, self._metrics),
            http=bounded(self._settings.web_connections, self._metrics, **self._connection_seconds),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
            backlog=_BACKLOG,
        )


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Opens the socket to listen on, and closes it on exit.

    Raises:
        UsageError: the address is in use or does not belong to this machine, or everybody could reach it without a token.
    """
    host, port = settings.web_host, settings.web_port
    try:
        (family, kind, protocol, _, address) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if settings.web_token is None and not ipaddress.ip_address(address[0]).is_loopback:
            raise UsageError(
                f"whoever reaches {host} could publish messages: set RATECAST_WEB_TOKEN, or listen on 127.0.0.1"
            )
        # asyncio switches Nagle's algorithm off only if the protocol is named. With it each answer takes 40 ms longer.
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(_cannot_listen(host, port, error)) from None
    with contextlib.closing(listener):
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # Now and not later, so that two programs cannot both think that the port is theirs.
            listener.listen(_BACKLOG)
        except OSError as error:
            raise UsageError(_cannot_listen(host, port, error)) from None
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
        yield listener


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    return f"cannot listen on {host}:{port} ({error.strerror}): set RATECAST_WEB_HOST and RATECAST_WEB_PORT"
