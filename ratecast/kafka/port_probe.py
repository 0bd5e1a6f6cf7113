"""Finds out what a broker's port speaks, after it closed a connection without giving a reason. Sends no secret."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LIMIT_SECONDS = 2.0
_API_VERSIONS, _CORRELATION = 18, 7
_MOST_BYTES = 2**16


async def speaks_tls(host: str, port: int) -> bool:
    """Returns whether a port takes part in a TLS handshake."""
    try:
        async with _connection(host, port, _trusting()):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")  # only a TLS peer sends an alert
    except (OSError, TimeoutError):
        return False


async def asks_for_certificate(host: str, port: int) -> bool:
    """Returns whether a TLS port ends a connection that shows no client certificate.

    With TLS 1.3 the client learns this only from the first thing it reads.
    """
    try:
        async with _connection(host, port, _trusting()) as (reader, _):
            await reader.read(1)
    except ssl.SSLError as error:
        return "CERTIFICATE" in (error.reason or "")
    except (OSError, TimeoutError):
        return False
    return False


async def speaks_plain_kafka(host: str, port: int) -> bool:
    """Returns whether a port answers an ApiVersions request, which needs no login, in plain text."""
    body = struct.pack(">hhih8s", _API_VERSIONS, 0, _CORRELATION, 8, b"ratecast")
    try:
        async with _connection(host, port, None) as (reader, writer):
            writer.write(struct.pack(">i", len(body)) + body)
            size: int
            correlation: int
            size, correlation = struct.unpack(">ii", await reader.readexactly(8))
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    return 0 < size < _MOST_BYTES and correlation == _CORRELATION


def _trusting() -> ssl.SSLContext:
    """Returns a context that checks nothing, because nothing is sent and nothing that arrives is used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.asynccontextmanager
async def _connection(
    host: str, port: int, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(_LIMIT_SECONDS):
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await writer.wait_closed()
