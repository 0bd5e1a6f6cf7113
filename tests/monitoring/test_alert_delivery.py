"""Alerts on their whole way: from a worker's metrics by Prometheus and Alertmanager to a webhook, Slack and a mailbox.

Real programs with the shipped rules, routes and inhibitions. Only durations are changed: all that is waited for is a
tenth, so a minute is six seconds here.
"""

from __future__ import annotations

import email
import json
import re
import socketserver
import threading
import urllib.parse
import urllib.request
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from ratecast.errors import UsageError
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.native import programs
from ratecast_stack.native import prometheus_config as configuration
from tests.monitoring.test_rules import EXTERNAL

ALERTMANAGER = configuration.ALERTMANAGER.parent
TEMPLATES = ALERTMANAGER / "notifications.tmpl"
TENTH = 10
DEADLINE_SECONDS = 60


def a_tenth(duration):
    """Of a duration as Prometheus writes it.

    >>> a_tenth("90s"), a_tenth("1m")
    ('9000ms', '6000ms')
    """
    milliseconds = int(duration[:-1]) * {"s": 1000, "m": 60_000, "h": 3_600_000}[duration[-1]]
    return f"{milliseconds // TENTH}ms"


class Inbox:
    """Receives what is sent, and waits for it."""

    def __init__(self):
        self.received = []  # (where, content)
        self._changed = threading.Condition()

    def put(self, where, content):
        with self._changed:
            self.received.append((where, content))
            self._changed.notify_all()

    def wait(self, where, holds):
        """The first content that came there and for which it holds."""
        found = []

        def came():
            found[:] = [content for place, content in self.received if place == where and holds(content)]
            return found

        with self._changed:
            assert self._changed.wait_for(came, DEADLINE_SECONDS), self.received
        return found[0]

    def names(self):
        """The alerts that a webhook was told of."""
        return {content["commonLabels"]["alertname"] for _, content in self.received}


class Web(ThreadingHTTPServer):
    """A webhook and Slack, which put what comes into the inbox, and a worker whose metrics are set from outside."""

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
    """As much of SMTP as a message needs; the text of each goes into the inbox."""

    daemon_threads = True

    def __init__(self, inbox):
        self.inbox = inbox
        super().__init__(("127.0.0.1", 0), _MailHandler)


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self._say("220 here")
        while line := self.rfile.readline().strip().upper():
            self._say("354 go on" if line == b"DATA" else "250 ok")
            if line == b"DATA":
                lines = iter(self.rfile.readline, b".\r\n")
                self._keep(email.message_from_bytes(b"".join(lines)))
                self._say("250 ok")
            if line == b"QUIT":
                return

    def _say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def _keep(self, message):
        (text,) = message.get_payload()
        assert text.get_content_type() == "text/plain"
        self.server.inbox.put("mail", (message["Subject"], text.get_payload(decode=True).decode()))


@pytest.fixture
def found():
    try:
        return programs.find()
    except UsageError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def web(inbox):
    with serving(Web(inbox)) as server:
        yield server


class serving:  # noqa: N801 - a context manager that reads as a verb
    """A server at work within the block."""

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


def hurried(route):
    """A route that waits a tenth, and looks every second for what has changed or ended."""
    route = {**route, "group_wait": a_tenth(route["group_wait"])} if "group_wait" in route else dict(route)
    if "group_interval" in route:
        route["group_interval"] = "1s"
    if "routes" in route:
        route["routes"] = [hurried(child) for child in route["routes"]]
    return route


@pytest.fixture
def start(found, tmp_path):
    """Starts a program on a free port; all are ended with the test."""
    with ExitStack() as stack:

        def start_it(name, content, port, *arguments):
            path = tmp_path / f"{name}.yml"
            path.write_text(json.dumps(content))
            command = [found[name], f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}"]
            program = stack.enter_context(running(name, [*command, *arguments], tmp_path))
            program.wait_until(partial(answers, port, "/-/ready"))
            return f"http://127.0.0.1:{port}"

        yield start_it


@pytest.fixture
def start_alertmanager(start, tmp_path):
    def start_it(content):
        content = {**content, "route": hurried(content["route"])}
        arguments = f"--storage.path={tmp_path / 'alertmanager'}", "--cluster.listen-address="
        return start("alertmanager", content, free_port(), *arguments)

    return start_it


@pytest.fixture
def stack(start, start_alertmanager, tmp_path, web):
    """Prometheus and Alertmanager over one worker, a webhook for each receiver that sends; their addresses."""
    shipped = yaml.safe_load(configuration.ALERTMANAGER.read_text())
    for receiver in shipped["receivers"]:
        if receiver["name"] != "nobody":
            receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{port_of(web)}/{receiver['name']}"}]
    alertmanager = start_alertmanager(shipped)

    port = free_port()
    config = configuration.prometheus(port, int(alertmanager.rpartition(":")[2]), [port_of(web)])
    config["global"] |= dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s")
    config["rule_files"] = [str(hurried_rules(path, tmp_path)) for path in configuration.RULES]
    return start("prometheus", config, port, f"--storage.tsdb.path={tmp_path / 'prometheus'}"), alertmanager


def hurried_rules(path, directory):
    rules = yaml.safe_load(path.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = a_tenth(rule["for"])
    copy = directory / path.name
    copy.write_text(json.dumps(rules))
    return copy


def get(url, **parameters):
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:  # noqa: S310
        return json.load(answer)


def post(alertmanager, *alerts):
    body = json.dumps(alerts).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{alertmanager}/api/v2/alerts", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310


def until(condition):
    """Poll without sleeping: an event that nobody sets paces it."""
    pace = threading.Event()
    for _ in range(DEADLINE_SECONDS * 20):
        if condition():
            return
        pace.wait(0.05)
    raise AssertionError(condition)


def of(name, status):
    return lambda content: (content["commonLabels"]["alertname"], content["status"]) == (name, status)


def test_an_alert_arrives_at_the_webhook_and_resolves(stack, web, inbox):
    worker = f"127.0.0.1:{port_of(web)}"
    labels = {"alertname": "RatecastModelRefused", "severity": "warning", "deployment": "ratecast"}
    web.metrics = "model_refused 1\n"
    told = inbox.wait("warning", of("RatecastModelRefused", "firing"))
    assert told["receiver"] == "warning"
    (alert,) = told["alerts"]
    assert alert["labels"] == labels | {"job": "ratecast-worker", "instance": worker}
    assert alert["annotations"] == {
        "summary": f"{worker} rejects the new model",
        "description": f"{worker} rejects the model that models/current names.",
        "runbook_url": "docs/runbooks/RatecastModelRefused.md",
    }

    web.metrics = "model_refused 0\n"
    told = inbox.wait("warning", of("RatecastModelRefused", "resolved"))
    (ended,) = told["alerts"]
    assert (ended["labels"], ended["status"]) == (alert["labels"], "resolved")
    assert ended["fingerprint"] == alert["fingerprint"]


def test_the_last_worker_down_is_one_notification_and_not_two(stack, web, inbox):
    prometheus, alertmanager = stack
    up = 'up{job="ratecast-worker"} == 1'
    until(lambda: get(f"{prometheus}/api/v1/query", query=up)["data"]["result"])
    web.metrics = None
    told = inbox.wait("critical", of("RatecastNoWorkers", "firing"))
    (alert,) = told["alerts"]
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/RatecastNoWorkers.md"

    # What comes after RatecastWorkerDown is sent after it, so once it is there the other was held back.
    until(lambda: get(f"{alertmanager}/api/v2/alerts", filter="alertname=RatecastWorkerDown"))
    post(alertmanager, {"labels": {"alertname": "RatecastRateStale", "severity": "warning", "pair": "A/B"}})
    inbox.wait("warning", of("RatecastRateStale", "firing"))
    assert inbox.names() == {"RatecastNoWorkers", "RatecastRateStale"}

    web.metrics = "model_refused 0\n"
    inbox.wait("critical", of("RatecastNoWorkers", "resolved"))
    assert inbox.names() == {"RatecastNoWorkers", "RatecastRateStale"}


def test_prometheus_and_alertmanager_have_what_alerts_on_them_look_at(stack):
    prometheus, _ = stack
    names = {name for name in EXTERNAL if name.startswith(("prometheus_", "alertmanager_"))}
    assert len(names) == 5
    for name in names:
        until(lambda name=name: get(f"{prometheus}/api/v1/query", query=name)["data"]["result"])


@pytest.fixture
def notifying(start_alertmanager, tmp_path, web, inbox):
    """Alertmanager with `alertmanager.notify.yml`, its Slack, mail server and webhook being the inbox."""
    shipped = yaml.safe_load((ALERTMANAGER / "alertmanager.notify.yml").read_text())
    shipped["templates"] = [str(ALERTMANAGER / name) for name in shipped["templates"]]
    for receiver in shipped["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = f"http://127.0.0.1:{port_of(web)}/webhook"
    slack = tmp_path / "slack_webhook_url"
    slack.write_text(f"http://127.0.0.1:{port_of(web)}/slack")
    with serving(Mail(inbox)) as mail:
        shipped["global"] |= {
            "slack_api_url_file": str(slack),
            "smtp_smarthost": f"127.0.0.1:{port_of(mail)}",
            "smtp_require_tls": False,
        }
        yield start_alertmanager(shipped)


def test_slack_and_mail_link_to_the_runbook(notifying, inbox):
    (base,) = re.findall(r'define "ratecast.runbooks" }}(.+?){{', TEMPLATES.read_text())
    link = f"{base}/RatecastPartitionWithoutOwner.md"
    path = "docs/runbooks/RatecastPartitionWithoutOwner.md"
    alerts = [
        {
            "labels": {
                "alertname": "RatecastPartitionWithoutOwner",
                "severity": "critical",
                "partition": number,
            },
            "annotations": {"description": f"No worker reads {number}.", "runbook_url": path},
        }
        for number in ("0", "1")
    ]
    post(notifying, *alerts)
    (said,) = inbox.wait("slack", lambda content: True)["attachments"]
    assert said["title"] == "FIRING RatecastPartitionWithoutOwner (critical)"
    assert said["title_link"] == link
    assert said["text"].splitlines() == ["No worker reads 0.", "No worker reads 1.", link]
    _, text = inbox.wait("mail", lambda content: content[0].startswith("[FIRING:2]"))
    assert text.splitlines() == ["No worker reads 0.", "No worker reads 1.", link]
    told = inbox.wait("webhook", of("RatecastPartitionWithoutOwner", "firing"))
    assert told["commonAnnotations"]["runbook_url"] == path

    post(notifying, *({**alert, "endsAt": "2020-01-01T00:00:00Z"} for alert in alerts))
    inbox.wait("slack", lambda content: content["attachments"][0]["title"].startswith("RESOLVED "))
    _, text = inbox.wait("mail", lambda content: content[0].startswith("[RESOLVED]"))
    assert text.splitlines() == ["Resolved: No worker reads 0.", "Resolved: No worker reads 1.", link]
    inbox.wait("webhook", of("RatecastPartitionWithoutOwner", "resolved"))
