"""Reads the body of a request within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_SECONDS = 10.0
_DRAINED_BYTES = 32 * 2**20
_DRAIN_SECONDS = 3.0


class BodyError(Exception):
    """A body that is not read; it becomes the response.

    Args:
        status: status of the response.
        code: code of the fault.
        message: what is wrong and what would be right.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


async def json_body(request: Request, most_bytes: int) -> bytes:
    """Return the bytes of a body that is declared as JSON.

    A foreign page can make a browser send other types without asking first, so none of them is accepted.

    Raises:
        BodyError: it is declared as something else, too long, or does not arrive in time.
        ClientDisconnect: the client went away.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json":
        raise BodyError(415, "not_json", "Send the header `Content-Type: application/json`.")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length[:19]) > most_bytes:
        await _drain(request)
        raise _too_large(most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    break
    except TimeoutError:
        raise BodyError(408, "too_slow", f"The body did not arrive within {BODY_SECONDS:g} s.") from None
    if len(body) > most_bytes:
        await _drain(request)
        raise _too_large(most_bytes)
    return bytes(body)


def _too_large(most_bytes: int) -> BodyError:
    return BodyError(413, "too_large", f"A body may have at most {most_bytes:,} bytes.")


async def _drain(request: Request) -> None:
    """Read on for a moment: a client that is still sending would lose the answer when its connection closes."""
    if request.headers.get("expect", "").lower() == "100-continue":
        return  # it has sent nothing yet, and will not
    drained = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while drained < _DRAINED_BYTES:
                message = await request.receive()
                drained += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except (TimeoutError, ClientDisconnect):
        return
