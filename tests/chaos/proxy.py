"""A TCP proxy before each broker, so that one worker can be cut off from all of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Proxy:
    """Forwards connections of one port to another until it is cut.

    Args:
        port: where to listen on loopback.
        backend: where to connect to.
    """

    def __init__(self, port: int, backend: int) -> None:
        self._port = port
        self._backend = backend
        self._is_cut = False
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self._drop()

    async def cut(self) -> None:
        """Drop every connection and accept none: new ones are closed at once."""
        self._is_cut = True
        await self._drop()

    def mend(self) -> None:
        """Forward again."""
        self._is_cut = False

    async def _drop(self) -> None:
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if not self._is_cut:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await self._forward(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", self._backend)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, backend_writer, writer))
                group.create_task(_copy(backend_reader, writer, backend_writer))
        finally:
            backend_writer.transport.abort()


async def _copy(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, other: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(2**16):
            target.write(data)
            await target.drain()
    target.transport.abort()
    other.transport.abort()
