"""A server of files on this machine, which a test can break."""

from __future__ import annotations

import contextlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FileServer:
    """What a test may see and change.

    Attributes:
        url: its address.
        asked: the paths of the requests.
        status: answer every request with this status; 0 serves the files.
        cut: path that ends -> number of bytes after which the connection closes, though more were promised.
        endless: path that ends so -> the response never ends.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []
        self.status = 0
        self.cut: dict[str, int] = {}
        self.endless = ""


@contextlib.contextmanager
def served(directory: Path) -> Iterator[FileServer]:
    """Serve a directory for the length of the block."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(directory))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state.asked.append(self.path)
            if state.status:
                self.send_error(state.status)
            elif state.endless and self.path.endswith(state.endless):
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(OSError):
                    while True:
                        self.wfile.write(bytes(2**16))
            elif cut := next((cut for name, cut in state.cut.items() if self.path.endswith(name)), 0):
                content = (directory / self.path.lstrip("/")).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:cut])
            else:
                super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = FileServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
