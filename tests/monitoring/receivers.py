"""Receivers of notifications: a webhook, Slack and a mail server that put everything into one inbox."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEADLINE_SECONDS = 60


class Inbox:
    """Collects what is sent to it, and waits for messages."""

    def __init__(self):
        self.received = []  # (where, content)
        self._changed = threading.Condition()

    def put(self, where, content):
        with self._changed:
            self.received.append((where, content))
            self._changed.notify_all()

    def wait(self, where, holds):
        """Waits for a message at this place that fulfils the condition, and returns the first one."""
        found = []

        def came():
            found[:] = [content for place, content in self.received if place == where and holds(content)]
            return found

        with self._changed:
            assert self._changed.wait_for(came, DEADLINE_SECONDS), self.received
        return found[0]

    def names(self):
        """Returns the names of the alerts that the webhooks received."""
        return {content["commonLabels"]["alertname"] for _, content in self.received}


class Web(ThreadingHTTPServer):
    """A webhook and a Slack server that fill the inbox, and a worker whose metrics the test sets."""

    daemon_threads = True

    def __init__(self, inbox):
        self.inbox = inbox
        self.metrics = "model_refused 0\n"  # None: the worker does not answer
        super().__init__(("127.0.0.1", 0), _WebHandler)


class _WebHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.inbox.put(self.path.removeprefix("/"), body)
        self._answer(200, "ok")

    def do_GET(self):
        metrics = self.server.metrics
        self._answer(200 if metrics else 503, metrics or "")

    def _answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Mail(socketserver.ThreadingTCPServer):
    """A minimal SMTP server that puts the text of each message into the inbox."""

    daemon_threads = True

    def __init__(self, inbox):
        self.inbox = inbox
        super().__init__(("127.0.0.1", 0), _MailHandler)


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self._reply("220 here")
        while line := self.rfile.readline().strip().upper():
            self._reply("354 go on" if line == b"DATA" else "250 ok")
            if line == b"DATA":
                lines = iter(self.rfile.readline, b".\r\n")
                self._keep(email.message_from_bytes(b"".join(lines)))
                self._reply("250 ok")
            if line == b"QUIT":
                return

    def _reply(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def _keep(self, message):
        (text,) = message.get_payload()
        assert text.get_content_type() == "text/plain"
        self.server.inbox.put("mail", (message["Subject"], text.get_payload(decode=True).decode()))


class serving:  # noqa: N801 - a context manager that reads as a verb
    """Runs a server within the block."""

    def __init__(self, server):
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self._server

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def port_of(server):
    return server.server_address[1]
