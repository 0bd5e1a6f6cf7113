"""Alerts end to end: from a worker's metrics through Prometheus and Alertmanager to a webhook, Slack and a mailbox.

Real programs run with the shipped rules, routes and inhibitions. Only durations are divided by ten, so a minute is six
seconds here.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from contextlib import ExitStack
from functools import partial

import pytest
import yaml

from monitoring.grafana import runbooks
from ratecast.errors import UsageError
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.native import programs
from ratecast_stack.native import prometheus_config as configuration
from tests.monitoring.receivers import Inbox, Mail, Web, port_of, serving
from tests.monitoring.test_rules import EXTERNAL

ALERTMANAGER = configuration.ALERTMANAGER.parent
TENTH = 10
POLLS = 60 * 20  # a minute


def a_tenth(duration):
    """Returns a tenth of a duration in the notation of Prometheus.

    >>> a_tenth("90s"), a_tenth("1m")
    ('9000ms', '6000ms')
    """
    milliseconds = int(duration[:-1]) * {"s": 1000, "m": 60_000, "h": 3_600_000}[duration[-1]]
    return f"{milliseconds // TENTH}ms"


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


def hurried(route):
    """Returns a route that waits a tenth of the time and checks for changes every second."""
    route = {**route, "group_wait": a_tenth(route["group_wait"])} if "group_wait" in route else dict(route)
    if "group_interval" in route:
        route["group_interval"] = "1s"
    if "routes" in route:
        route["routes"] = [hurried(child) for child in route["routes"]]
    return route


@pytest.fixture
def start(found, tmp_path):
    """Starts programs on free ports and stops them after the test."""
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
    """Starts Prometheus and Alertmanager over one worker, with a webhook for each receiver. Returns their addresses."""
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
    """Polls a condition. The event is never set and only paces the loop."""
    pace = threading.Event()
    for _ in range(POLLS):
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
    sent = inbox.wait("warning", of("RatecastModelRefused", "firing"))
    assert sent["receiver"] == "warning"
    (alert,) = sent["alerts"]
    assert alert["labels"] == labels | {"job": "ratecast-worker", "instance": worker}
    assert alert["annotations"] == {
        "summary": f"{worker} rejects the new model",
        "description": f"{worker} rejects the model that models/current names.",
        "runbook_url": runbooks.url("RatecastModelRefused"),
    }

    web.metrics = "model_refused 0\n"
    sent = inbox.wait("warning", of("RatecastModelRefused", "resolved"))
    (ended,) = sent["alerts"]
    assert (ended["labels"], ended["status"]) == (alert["labels"], "resolved")
    assert ended["fingerprint"] == alert["fingerprint"]


def test_the_last_worker_down_is_one_notification_and_not_two(stack, web, inbox):
    prometheus, alertmanager = stack
    up = 'up{job="ratecast-worker"} == 1'
    until(lambda: get(f"{prometheus}/api/v1/query", query=up)["data"]["result"])
    web.metrics = None
    sent = inbox.wait("critical", of("RatecastNoWorkers", "firing"))
    (alert,) = sent["alerts"]
    assert alert["annotations"]["runbook_url"] == runbooks.url("RatecastNoWorkers")

    # Alerts are sent in order. If the alert posted after RatecastWorkerDown has arrived, RatecastWorkerDown was inhibited.
    until(lambda: get(f"{alertmanager}/api/v2/alerts", filter="alertname=RatecastWorkerDown"))
    post(alertmanager, {"labels": {"alertname": "RatecastRateStale", "severity": "warning", "pair": "A/B"}})
    inbox.wait("warning", of("RatecastRateStale", "firing"))
    assert inbox.names() == {"RatecastNoWorkers", "RatecastRateStale"}

    web.metrics = "model_refused 0\n"
    inbox.wait("critical", of("RatecastNoWorkers", "resolved"))
    assert inbox.names() == {"RatecastNoWorkers", "RatecastRateStale"}


def test_prometheus_and_alertmanager_have_the_metrics_of_the_alerts_on_them(stack):
    prometheus, _ = stack
    names = {name for name in EXTERNAL if name.startswith(("prometheus_", "alertmanager_"))}
    assert len(names) == 5
    for name in names:
        until(lambda name=name: get(f"{prometheus}/api/v1/query", query=name)["data"]["result"])


@pytest.fixture
def notifying(start_alertmanager, tmp_path, web, inbox):
    """Starts Alertmanager with `alertmanager.notify.yml` and the inbox as Slack, mail server and webhook."""
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
    link = "https://wiki.example/RatecastPartitionWithoutOwner.md"
    alerts = [
        {
            "labels": {
                "alertname": "RatecastPartitionWithoutOwner",
                "severity": "critical",
                "partition": number,
            },
            "annotations": {"description": f"No worker reads {number}.", "runbook_url": link},
        }
        for number in ("0", "1")
    ]
    post(notifying, *alerts)
    (message,) = inbox.wait("slack", lambda content: True)["attachments"]
    assert message["title"] == "FIRING RatecastPartitionWithoutOwner (critical)"
    assert message["title_link"] == link
    assert message["text"].splitlines() == ["No worker reads 0.", "No worker reads 1.", link]
    _, text = inbox.wait("mail", lambda content: content[0].startswith("[FIRING:2]"))
    assert text.splitlines() == ["No worker reads 0.", "No worker reads 1.", link]
    sent = inbox.wait("webhook", of("RatecastPartitionWithoutOwner", "firing"))
    assert sent["commonAnnotations"]["runbook_url"] == link

    post(notifying, *({**alert, "endsAt": "2020-01-01T00:00:00Z"} for alert in alerts))
    inbox.wait("slack", lambda content: content["attachments"][0]["title"].startswith("RESOLVED "))
    _, text = inbox.wait("mail", lambda content: content[0].startswith("[RESOLVED]"))
    assert text.splitlines() == ["Resolved: No worker reads 0.", "Resolved: No worker reads 1.", link]
    inbox.wait("webhook", of("RatecastPartitionWithoutOwner", "resolved"))
