"""What every request passes before a route sees it: counting, host, origin and token."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from monitoring.web_metrics import WebMetrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Measured:
    """Counts requests, and adds the security headers to every response.

    Args:
        app: the application.
        metrics: the counters.
    """

    def __init__(self, app: ASGIApp, metrics: WebMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        is_answered = False

        def answered(status: int) -> None:
            nonlocal is_answered
            is_answered = True
            # Labels come from closed sets, so that a scanner cannot create new series.
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered(method, _template(scope), status, time.perf_counter() - started)

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, measured)
        except Exception:
            if not is_answered:
                answered(500)
            raise


def _template(scope: Scope) -> str:
    """Return the template of the route that answered, never the path that was asked for."""
    if isinstance(scope.get("endpoint"), StaticFiles):
        return "static"
    route: BaseRoute | None = scope.get("route")
    template = getattr(route, "path_format", None)
    return template if isinstance(template, str) else "other"


class HostAndOrigin:
    """Refuses requests that a foreign page makes a user's browser send.

    Args:
        app: the application.
        hosts: values of the Host header to accept, without ports. All if None: then a token is what protects.
        origins: further origins whose pages may send requests that change something.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, origins: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (fault := self._fault(Headers(scope=scope), scope["method"])):
            await JSONResponse(fault[1], status_code=fault[0])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fault(self, headers: Headers, method: str) -> tuple[int, dict[str, str]] | None:
        host = headers.get("host", "")
        # A page whose name an attacker points at 127.0.0.1 (DNS rebinding) sends its own name here.
        if self._hosts is not None and _hostname(host) not in self._hosts:
            words = "open the page by the address 127.0.0.1 or localhost, or set RATECAST_WEB_TOKEN"
            return 421, {"code": "wrong_host", "message": f"This server is for this machine only: {words}."}
        origin = headers.get("origin")
        if method not in _READING and origin is not None and not self._is_allowed(origin, host):
            words = "add it to RATECAST_WEB_ALLOWED_ORIGINS if its pages may send messages"
            return 403, {
                "code": "foreign_origin",
                "message": f"Requests of another origin are refused: {words}.",
            }
        return None

    def _is_allowed(self, origin: str, host: str) -> bool:
        return origin in self._origins or (origin != "null" and _netloc(origin) == host.lower())


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return None


def _hostname(host: str) -> str | None:
    """Return the name in a Host header without its port.

    >>> _hostname("LocalHost:8000"), _hostname("[::1]:8000"), _hostname("evil.example@127.0.0.1")
    ('localhost', '::1', None)
    """
    if "@" in host:
        return None
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class TokenGate:
    """Lets a request pass that sends the token, or that needs none.

    Args:
        app: the application.
        token: returns the token that is valid now.
        open_paths: paths that need no token.
    """

    def __init__(self, app: ASGIApp, token: Callable[[], str], open_paths: frozenset[str]) -> None:
        self._app = app
        self._token = token
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or scope["path"] in self._open_paths or self._is_authorized(scope):
            await self._app(scope, receive, send)
            return
        body = {"code": "unauthorized", "message": "Send the header `Authorization: Bearer TOKEN`."}
        response = JSONResponse(body, status_code=401, headers={"WWW-Authenticate": "Bearer"})
        await response(scope, receive, send)

    def _is_authorized(self, scope: Scope) -> bool:
        given: list[Any] = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return scheme.lower() == b"bearer" and secrets.compare_digest(token.strip(), self._token().encode())
