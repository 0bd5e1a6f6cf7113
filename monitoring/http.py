"""The worker's HTTP server: ``/metrics``, ``/health`` (is it alive?) and ``/ready`` (does it process records?)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from monitoring.exposition import exposition
from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry, Counter

ENDPOINTS = frozenset({"/metrics", "/health", "/ready"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpServer:
    """Serves metrics, health and readiness.

    Args:
        registry: the metrics that ``/metrics`` returns.
        requests: counts every request by method, endpoint and status; unknown paths and methods count as "other".
        readiness: returns the JSON of ``/ready``; the status is 200 if its ``ready`` is true, else 503.
        unhealthy: returns why the worker should be restarted, and ``/health`` answers 503; None if it is healthy.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        requests: Counter,
        readiness: Callable[[], dict[str, Any]],
        unhealthy: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._registry = registry
        self._requests = requests
        self._readiness = readiness
        self._unhealthy = unhealthy
        self._runner: web.AppRunner | None = None
        self.port: int | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on a port; 0 picks a free one, which is then in ``self.port``.

        Raises:
            UsageError: the address is in use or does not belong to this machine.
        """
        app = web.Application(middlewares=[self._count])
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(
                f"cannot listen on {host}:{port} ({error.strerror}): set RATECAST_HTTP_PORT or --http-port"
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, after answering the requests in progress."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _count(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        # Labels come from closed sets, so that a scanner cannot create new series.
        endpoint = request.path if request.path in ENDPOINTS else "other"
        method = request.method if request.method in METHODS else "other"
        status = web.HTTPInternalServerError.status_code  # the answer of aiohttp when a handler fails
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._requests.labels(method, endpoint, str(status)).inc()
        return response

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(self._registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _health(self, _: web.Request) -> web.Response:
        if (reason := self._unhealthy()) is not None:
            return web.json_response({"status": "stuck", "reason": reason}, status=503)
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        state = self._readiness()
        return web.json_response(state, status=200 if state["ready"] else 503)
