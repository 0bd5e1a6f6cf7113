"""A collector of OpenTelemetry on loopback: it decodes what it is sent, and answers as a test wants."""

from __future__ import annotations

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Sequence


class Collector:
    """Serves OTLP over HTTP while it is used as a context."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.statuses: list[int] = []  # of the next answers; 200 after the last
        self.paths: set[str] = set()
        self.answers = threading.Event()  # unset, no request gets an answer
        self.answers.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.answers.wait(30)
                status = outer.statuses.pop(0) if outer.statuses else 200
                if status == 200:
                    outer.requests.append(ExportTraceServiceRequest.FromString(body))
                    outer.paths.add(self.path)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spans(self) -> list[Any]:
        """Returns the spans that arrived."""
        scopes = [
            scope
            for request in self.requests
            for each in request.resource_spans
            for scope in each.scope_spans
        ]
        return [span for scope in scopes for span in scope.spans]

    def wait_for(self, count: int) -> list[Any]:
        """Returns the spans as soon as there are so many."""
        deadline = time.monotonic() + 10
        while len(self.spans()) < count:
            assert time.monotonic() < deadline, self.spans()
            time.sleep(0.005)
        return self.spans()


def attributes(holder: Any) -> dict[str, object]:
    """Returns the attributes of a span, link or resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes}


def ids(links: Sequence[Any]) -> list[tuple[str, str]]:
    """Returns the trace and the span of each link."""
    return [(link.trace_id.hex(), link.span_id.hex()) for link in links]
