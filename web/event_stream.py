"""Server-sent events: how they are written, and the response that streams them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PING = b": ping\n\n"
PING_SECONDS = 5.0


def event(name: str, number: int | str, data: bytes) -> bytes:
    r"""Return one event. Its data must be JSON without line breaks, as encoders write it.

    >>> event("state", 7, b"{}")
    b'id: 7\nevent: state\ndata: {}\n\n'
    """
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(number).encode(), name.encode(), data)


class EventStream(StreamingResponse):
    """A response that never ends by itself.

    It is not buffered anywhere on its way: the next event is made when the one before has been handed to the network, so
    a client that reads slowly gets fewer events and costs no memory.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


class OpenStreams:
    """Counts the open streams, bounds them, and ends them when the program stops.

    Args:
        limit: how many may be open at the same time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._closing = asyncio.Event()
        self.count = 0

    @property
    def is_full(self) -> bool:
        """Whether no further stream may be opened."""
        return self.count >= self._limit

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Count a stream within the block."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    def close(self) -> None:
        """End all streams."""
        self._closing.set()

    async def pause(self, seconds: float) -> bool:
        """Wait; return False at once if the streams must end."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return True
        return False

    @property
    def is_closing(self) -> bool:
        """Whether the streams must end."""
        return self._closing.is_set()
