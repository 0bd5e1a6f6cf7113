"""The routes that the page uses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from ratecast.field_faults import describe
from web.body import BodyError, json_body
from web.demo_faults import DemoFault, faulty_message
from web.door import AwayError, fault_response
from web.event_stream import PING, PING_SECONDS, EventStream, event
from web.interface_routes import full_response, spelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web.door import Door
    from web.event_stream import OpenStreams
    from web.live_state import LiveState
    from web.page_memory import PageMemory

EVENT_SECONDS = 0.5
_MOST_FAULT_BYTES = 1_000
_FRESH = {"Cache-Control": "no-store"}


class FaultRequest(BaseModel):
    """The fault to publish."""

    model_config = ConfigDict(extra="ignore")

    fault: DemoFault


def page_routes(state: LiveState, open_streams: OpenStreams) -> APIRouter:
    """Return the routes that only read.

    Args:
        state: what the page shows.
        open_streams: bounds the streams.
    """
    router = APIRouter(prefix="/api", tags=["page"])

    @router.get("/state", summary="What the overview shows")
    async def snapshot() -> Response:
        """Return the state of all pairs."""
        return _json(state.state())

    @router.get("/events", summary="Changes of the overview as server-sent events")
    async def events() -> Response:
        """Stream the whole state (`hello`), then what changed (`state`), at most twice a second."""
        return full_response() if open_streams.is_full else EventStream(_changes(state, open_streams))

    @router.get("/pairs/{pair:path}", summary="What the view of one pair shows")
    async def one_pair(pair: Annotated[str, Path(max_length=16)]) -> Response:
        """Return rates, ranges, drift and model of a pair, written EUR-USD or EUR/USD."""
        # In a thread, because the model's statistics may have to be read.
        body = await asyncio.to_thread(state.pair, spelled(pair) or "")
        if body is None:
            return fault_response(404, "unknown_pair", "No prediction of such a pair was read.")
        return _json(body)

    @router.get("/feed", summary="The newest alerts and dead letters")
    async def feed(
        before: Annotated[
            str | None, Query(max_length=64, description="Only entries older than this `id` or this time.")
        ] = None,
    ) -> Response:
        """Return at most 100 entries, newest first."""
        return _json(state.feed(before))

    return router


def fault_routes(memory: PageMemory, door: Door) -> APIRouter:
    """Return the route that publishes a faulty message, for demonstrations."""
    router = APIRouter(prefix="/api/demo", tags=["demo"])

    @router.post("/fault", summary="Publish a message that is faulty on purpose")
    async def inject(request: Request) -> Response:
        """Publish real rates of a pair with one fault at their end."""
        try:
            wanted = FaultRequest.model_validate_json(await json_body(request, _MOST_FAULT_BYTES))
        except BodyError as fault:
            return fault_response(fault.status, fault.code, fault.message, {"Connection": "close"})
        except ValidationError as error:
            return fault_response(422, "schema_violation", describe(error))
        message = faulty_message(memory, wanted.fault)
        if message is None:
            return fault_response(409, "no_rates", "No pair has enough rates with a date yet.")
        try:
            await door.publish(message.value, message.key)
        except AwayError as fault:
            return fault_response(503, "kafka_unreachable", str(fault))
        return JSONResponse({"words": message.words})

    return router


async def _changes(state: LiveState, open_streams: OpenStreams) -> AsyncIterator[bytes]:
    with open_streams.opened():
        seen, strip = state.version, state.strip()
        yield event("hello", seen, state.state())
        quiet_seconds = 0.0
        while await open_streams.pause(EVENT_SECONDS):
            now = state.strip()
            if (state.version, now) == (seen, strip):
                quiet_seconds += EVENT_SECONDS
                if quiet_seconds >= PING_SECONDS:
                    quiet_seconds = 0.0
                    yield PING
                continue
            changes = state.state(since=seen)
            seen, strip, quiet_seconds = state.version, now, 0.0
            yield event("state", seen, changes)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers=_FRESH)
