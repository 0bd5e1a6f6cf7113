"""The routes of the HTTP interface for programs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from ratecast.contract.messages import RateHistory, json_schema
from ratecast.contract.wire import encode_prediction
from web import answers_model
from web.door import RETRY_SECONDS, fault_response, pending_response
from web.event_stream import PING, PING_SECONDS, EventStream, event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web.door import Door
    from web.event_stream import OpenStreams
    from web.page_memory import PageMemory
    from web.prediction_streams import PredictionStreams

_CLIENT_CLOSED = 499  # nobody reads this answer; the number is for the metrics
# A pair is also accepted with a hyphen, because a slash in a path or a query is often mistyped or escaped.
_PAIR = r"^[A-Za-z]{3}[/-][A-Za-z]{3}$"

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
PairQuery = Annotated[
    str | None, Query(pattern=_PAIR, description="Only this pair, such as EUR/USD or EUR-USD.")
]


def _request_body() -> dict[str, Any]:
    schema = json_schema(RateHistory)
    schema.pop("$schema")
    content = {"schema": schema, "example": {"history": [0.85, 0.86, 0.87]}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def message_routes(door: Door, memory: PageMemory) -> APIRouter:
    """Return the routes about one message.

    Args:
        door: publishes messages.
        memory: the predictions read so far.
    """
    router = APIRouter(tags=["predictions"])

    @router.post(
        "/predict",
        responses=answers_model.PREDICT,
        openapi_extra=_request_body(),
        summary="Publish a history and wait for its prediction",
    )
    async def predict(request: Request) -> Response:
        """Publish a message to the input topic, and answer with what a worker makes of it."""
        try:
            return await door.predict(request)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED)

    @router.get(
        "/predictions/{message_id:path}", responses=answers_model.ONE, summary="The prediction of one message"
    )
    async def one_prediction(
        message_id: Annotated[str, Path(max_length=512, description="Id of the message.")],
    ) -> Response:
        """Return the prediction of a message, or why there is none."""
        if (row := memory.find(message_id)) is not None:
            return Response(encode_prediction(row), media_type="application/json")
        if (letter := memory.find_letter(message_id)) is not None:
            return fault_response(422, letter.code or "unknown", letter.words)
        if door.is_pending(message_id):
            return pending_response(message_id)
        return fault_response(404, "unknown_message", "No outcome of such a message is remembered.")

    return router


def reading_routes(memory: PageMemory, streams: PredictionStreams, open_streams: OpenStreams) -> APIRouter:
    """Return the routes about many predictions.

    Args:
        memory: the predictions read so far.
        streams: hands out new ones.
        open_streams: bounds the streams.
    """
    router = APIRouter(tags=["predictions"])

    @router.get("/predictions", responses=answers_model.MANY, summary="The newest predictions")
    async def predictions(pair: PairQuery = None, limit: Limit = 100) -> Response:
        """Return the newest predictions that this server remembers, newest first."""
        rows = memory.newest(spelled(pair), limit)
        body = b"[" + b",".join(map(encode_prediction, rows)) + b"]"
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    @router.get("/stream", responses=answers_model.STREAM, summary="New predictions as server-sent events")
    async def stream(pair: PairQuery = None) -> Response:
        """Stream each prediction as soon as it is committed. A client that falls behind is cut."""
        if open_streams.is_full:
            return full_response()
        return EventStream(_predictions(streams, open_streams, spelled(pair)))

    return router


async def _predictions(
    streams: PredictionStreams, open_streams: OpenStreams, pair: str | None
) -> AsyncIterator[bytes]:
    with open_streams.opened(), streams.joined(pair) as queue:
        yield PING  # so that the client sees the response begin
        number = 0
        while not open_streams.is_closing:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    encoded = await queue.get()
            except TimeoutError:
                yield PING
                continue
            if encoded is None:
                yield event("cut", number, b'{"message":"The client falls behind, so it is cut."}')
                return
            number += 1
            yield event("prediction", number, encoded)


def full_response() -> Response:
    """Return 503: too many streams are open."""
    retry = {"Retry-After": str(RETRY_SECONDS)}
    return fault_response(503, "too_many_streams", "Too many streams are open. Try again later.", retry)


def spelled(pair: str | None) -> str | None:
    """Return a pair as messages spell it.

    >>> spelled("eur-usd")
    'EUR/USD'
    """
    return None if pair is None else pair.upper().replace("-", "/")
