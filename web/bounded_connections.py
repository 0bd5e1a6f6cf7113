"""uvicorn's connections with limits that uvicorn does not have: on idle ones, on slow readers, and on their number.

uvicorn waits without end for the first request of a connection and for a client that does not read its response. Its
``limit_concurrency`` counts idle connections, so a few hundred of them would keep everybody out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from monitoring.web_metrics import WebMetrics

HEADER_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15
WRITE_SECONDS = 20.0


class BoundedConnection(H11Protocol):
    """One connection. Subclass it with `bounded` to set its limits."""

    limit: ClassVar[int]
    metrics: ClassVar[WebMetrics]
    header_seconds: ClassVar[float] = HEADER_SECONDS
    write_seconds: ClassVar[float] = WRITE_SECONDS
    _header_deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None
    idle_since: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request; make room if there are too many connections."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._expect_headers()
        if len(self.connections) > self.limit:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        super().connection_lost(exc)
        self._stop_header_deadline()
        self._stop_write_deadline()

    def data_received(self, data: bytes) -> None:
        """Read on. The deadline ends with a whole request, and not with any byte."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.is_idle:
            self._expect_headers()
        else:
            self._stop_header_deadline()

    def on_response_complete(self) -> None:
        """Note since when the connection is idle."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the deadline of a client that does not read."""
        super().pause_writing()
        if self._write_deadline is None:
            self._write_deadline = self.loop.call_later(self.write_seconds, self._cut_slow_reader)

    def resume_writing(self) -> None:
        """The client has read most of what was sent."""
        super().resume_writing()
        self._stop_write_deadline()

    def _expect_headers(self) -> None:
        if self._header_deadline is None:
            self._header_deadline = self.loop.call_later(self.header_seconds, self.cut)

    def cut(self) -> None:
        """Close the connection at once, whatever is not sent yet."""
        self.metrics.connections_closed.inc()
        # Not close(): it would first wait until the client has read everything.
        self.transport.abort()

    def _cut_slow_reader(self) -> None:
        self.metrics.streams_cut.inc()
        self.cut()

    def _make_room(self) -> None:
        others = [
            other
            for other in self.connections
            if isinstance(other, BoundedConnection) and other is not self and not other.transport.is_closing()
        ]
        if len(others) < self.limit:  # enough are being closed already
            return
        if idle := [other for other in others if other.is_idle]:
            min(idle, key=lambda other: other.idle_since).cut()
        else:
            self.cut()

    def _stop_header_deadline(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _stop_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None


def bounded(connections: int, metrics: WebMetrics, **seconds: float) -> type[BoundedConnection]:
    """Return a class for uvicorn's setting ``http``.

    Args:
        connections: how many may be open at the same time.
        metrics: counts the closed ones.
        seconds: other values for ``header_seconds`` and ``write_seconds``.
    """
    attributes: dict[str, Any] = {"limit": connections, "metrics": metrics, **seconds}
    return type("BoundedConnection", (BoundedConnection,), attributes)
