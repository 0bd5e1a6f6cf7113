"""Puts the application together: routes, files, and what every request passes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from monitoring.exposition import exposition
from ratecast.field_faults import predicate
from ratecast.release import __version__
from ratecast.secret_files import current_secret
from ratecast.web_settings import listed
from web.door import fault_response
from web.gate import LOOPBACK_HOSTS, HostAndOrigin, Measured, TokenGate
from web.interface_routes import message_routes, reading_routes
from web.page_files import REFERENCE, STATIC, PageFiles, file_paths
from web.page_routes import fault_routes, page_routes

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp

    from monitoring.web_metrics import WebMetrics
    from web.parts import Parts

_DESCRIPTION = (
    "Predictions over HTTP. `POST /predict` publishes a message to Kafka and answers with what a worker makes of it; "
    "everything else reads what was published. Where the server has a token, send `Authorization: Bearer TOKEN`."
)


def make_app(parts: Parts, registry: CollectorRegistry, metrics: WebMetrics) -> ASGIApp:
    """Return the application.

    Args:
        parts: what the routes answer from.
        registry: the metrics that ``/metrics`` returns.
        metrics: counts the requests.
    """
    settings = parts.settings
    app = FastAPI(
        title="ratecast",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            HTTPException: _plain_fault,
            RequestValidationError: _wrong_parameter,
        },
    )
    app.include_router(message_routes(parts.door, parts.memory))
    app.include_router(reading_routes(parts.memory, parts.streams, parts.open_streams))
    app.include_router(page_routes(parts.state, parts.open_streams))
    if settings.web_fault_injection:
        app.include_router(fault_routes(parts.memory, parts.door))
    app.include_router(_operation_routes(parts, registry))
    app.get("/docs", include_in_schema=False)(_reference)
    app.mount("/docs", PageFiles(directory=REFERENCE, html=True))
    app.mount("/", PageFiles(directory=STATIC, html=True))

    inner: ASGIApp = app
    if settings.web_token is not None:
        open_paths = {"/", "/health", "/docs", "/docs/", "/openapi.json"}
        open_paths |= file_paths(STATIC, "") | file_paths(REFERENCE, "/docs")
        inner = TokenGate(inner, lambda: current_secret(settings, "web_token") or "", frozenset(open_paths))
    origins = listed(settings.web_allowed_origins)
    if origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Location", "Retry-After", "Server-Timing"],
        )
    hosts = LOOPBACK_HOSTS | {settings.web_host.lower()} if settings.web_token is None else None
    return Measured(HostAndOrigin(inner, hosts, origins), metrics)


def _operation_routes(parts: Parts, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/health", summary="Whether the program is alive")
    async def health() -> dict[str, str]:
        """Answer while the program runs, also while Kafka is away: a restart would not bring it back."""
        return {"status": "alive"}

    @router.get("/ready", summary="Whether the topics can be read")
    async def ready() -> Response:
        """Answer 200 once the newest records are read and while a broker answers, else 503 and why."""
        is_ready = parts.feed.is_filled and parts.feed.reachable
        body: dict[str, Any] = {"ready": is_ready, "problems": parts.state.problems()}
        return JSONResponse(body, status_code=200 if is_ready else 503)

    @router.get("/metrics", summary="Metrics in Prometheus's text format")
    async def metrics(request: Request) -> Response:
        """Return the metrics of this program. Those of the workers are on the workers."""
        body, content_type = exposition(registry, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    return router


async def _reference() -> FileResponse:
    return FileResponse(REFERENCE / "index.html", headers={"Cache-Control": "no-cache"})


async def _plain_fault(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
    codes = {404: "not_found", 405: "method_not_allowed"}
    headers = dict(error.headers or {})
    return fault_response(
        error.status_code, codes.get(error.status_code, "failed"), f"{error.detail}.", headers
    )


async def _wrong_parameter(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
    fault = error.errors()[0]
    return fault_response(422, "wrong_parameter", f"{fault['loc'][-1]} {predicate(fault)}")
