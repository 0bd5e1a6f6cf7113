"""A local server of the page that says what a test tells it to say, and whose streams a test can cut."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from tests.web.browser.contract_state import now, strip

STATIC = Path(__file__).parents[3] / "web" / "static"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CSP = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


class PageServer:
    """Serves ``web/static`` and a state of the agreed form.

    Attributes:
        pairs: `RatesOfPair` of each pair.
        answers: what ``POST /predict`` answers: status, body and headers.
        pings: whether silent streams get a comment now and then.
        down: whether every call is refused, as if the server were gone.
    """

    def __init__(self, pairs):
        self.pairs = {rates.pair: rates for rates in pairs}
        self.strip = strip()
        self.alerts = []
        self.entries = []
        self.demo = False
        self.token = None
        self.down = False
        self.posted = []
        self.answers = (503, {"message": "Kafka is unreachable."}, {})
        self.streams = []
        self.pings = True
        self._events = 0
        server = self

        class Handler(_Handler):
            page = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.cut()
        self._http.shutdown()
        self._http.server_close()

    def state(self, pairs=None):
        names = self.pairs if pairs is None else pairs
        return {
            "now": now(),
            "demo": self.demo,
            "strip": self.strip,
            "pairs": [self.pairs[name].tile() for name in names],
            "alerts": self.alerts,
        }

    def push(self, pairs=()):
        """Sends an event with these pairs to every stream."""
        self.send("state", json.dumps(self.state(pairs)))

    def send(self, event, data):
        self._events += 1
        for stream in list(self.streams):
            stream.put(f"id: {self._events}\nevent: {event}\ndata: {data}\n\n")

    def cut(self):
        """Closes every stream."""
        for stream in list(self.streams):
            stream.put(None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    page: PageServer

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.page.down:
            self.close_connection = True
            return
        path = self.path.split("?")[0]
        if path.startswith("/api/") and not self._allowed():
            self._json(401, {"code": "no_token", "message": "The server asks for a token."})
        elif path == "/api/state":
            self._json(200, self.page.state())
        elif path == "/api/events":
            self._stream()
        elif path == "/api/feed":
            self._json(200, {"entries": self.page.entries})
        elif path.startswith("/api/pairs/"):
            rates = self.page.pairs.get(unquote(path.removeprefix("/api/pairs/")).replace("-", "/"))
            self._json(
                *(
                    (200, rates.detail())
                    if rates
                    else (404, {"code": "unknown_pair", "message": "no such pair"})
                )
            )
        else:
            self._file(path)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.page.posted.append((self.path, body))
        if self.path == "/api/demo/fault":
            self._json(200, {"words": f"published {json.loads(body)['fault']}"})
        else:
            self._json(*self.page.answers)

    def _allowed(self):
        return self.page.token is None or self.headers["Authorization"] == f"Bearer {self.page.token}"

    def _file(self, path):
        file = (STATIC / (path.lstrip("/") or "index.html")).resolve()
        if not file.is_relative_to(STATIC) or not file.is_file():
            self._json(404, {"code": "not_found", "message": "no such file"})
            return
        self._send(200, file.read_bytes(), {"Content-Type": TYPES[file.suffix]})

    def _json(self, status, body, headers=None):
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Security-Policy": CSP, "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self):
        mine = queue.Queue()
        mine.put(f"event: hello\nid: 0\ndata: {json.dumps(self.page.state())}\n\n")
        self.page.streams.append(mine)
        self.close_connection = True
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            while (event := self._next(mine)) is not None:
                self.wfile.write(event.encode())
        except OSError:
            pass  # the page has gone
        finally:
            self.page.streams.remove(mine)

    def _next(self, mine):
        try:
            return mine.get(timeout=3 if self.page.pings else None)
        except queue.Empty:
            return ": ping\n\n"
