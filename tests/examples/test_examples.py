"""The programs and the notebook of `examples/` do what the documentation shows, with the ECB's rates of this year."""

from __future__ import annotations

import http.server
import json
import re
import runpy
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGE = (ROOT / "docs" / "how-to" / "data.md").read_text(encoding="utf-8")
NOTEBOOK = EXAMPLES / "predictions.ipynb"


@pytest.fixture
def run(scored_year, monkeypatch, capsys):
    """Runs an example as a program of its own would run, but in this process, which has pandas loaded."""
    for name, value in scored_year.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(EXAMPLES)

    def _run(*command: str) -> tuple[str, object]:
        monkeypatch.setattr(sys, "argv", list(command))
        ended: object = None
        try:
            runpy.run_path(str(EXAMPLES / command[0]), run_name="__main__")
        except SystemExit as error:
            ended = error.code
        return capsys.readouterr().out, ended

    return _run


def shown(command: str) -> str:
    """What the page shows as the output of a command."""
    (output,) = re.findall(rf"^\$ {re.escape(command)}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return output


def test_coverage_by_week_is_what_the_page_shows(run):
    out, ended = run("coverage_by_week.py")
    assert ended is None
    beginning, end = shown("python examples/coverage_by_week.py").split("...\n")
    assert out.startswith(beginning)
    assert out.endswith(end)


def test_the_picture_is_drawn_with_its_misses(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, _ = run("fan_picture.py", "EUR/USD", "fan.svg")
    assert out == shown("python examples/fan_picture.py EUR/USD fan.svg")
    picture = (tmp_path / "fan.svg").read_text()
    assert "outside the 95 % range" in picture
    assert len(picture) > 10_000


def test_the_alert_is_in_the_format_of_a_slack_webhook(run):
    out, ended = run("slack_alerts.py", "1d")
    assert (out, ended) == (shown("python examples/slack_alerts.py 1d"), None)
    assert json.loads(out)["blocks"]


def test_the_alert_is_posted(run):
    posted = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if len(posted) == 1 else 403)
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/secret"
        sent, refused = (run("slack_alerts.py", "1d", url) for _ in range(2))
        server.shutdown()
    assert sent == ("", None)
    assert json.loads(posted[0]) == json.loads(shown("python examples/slack_alerts.py 1d"))
    assert refused == ("", "the webhook answered 403: nothing was posted")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("slack_alerts.py",), "usage: "),
        (("fan_picture.py",), "usage: "),
        (("fan_picture.py", "EUR/CHF", "x.svg"), "there is no dated prediction of EUR/CHF"),
        (("slack_alerts.py", "1d", "file:///etc/passwd"), "the webhook must be an http address"),
        (("slack_alerts.py", "1d", "http://127.0.0.1:1/secret"), "the webhook cannot be reached: URLError"),
        (("coverage_by_week.py", "0s"), "there is no prediction whose day has come"),
    ],
)
def test_wrong_use_is_one_line(run, command, words: str):
    out, ended = run(*command)
    assert out == ""
    assert str(ended).startswith(words)


def test_the_notebook_gives_the_outputs_that_are_committed(scored_year, monkeypatch):
    committed = nbformat.read(NOTEBOOK, as_version=4)
    ran = nbformat.read(NOTEBOOK, as_version=4)
    for name, value in {"PYTHONPATH": str(ROOT), **scored_year}.items():
        monkeypatch.setenv(name, value)
    NotebookClient(ran, timeout=120, kernel_name="python3", resources={"metadata": {"path": ROOT}}).execute()
    assert texts(ran) == texts(committed)
    assert any(
        "image/png" in output.get("data", {})
        for cell in committed.cells
        for output in cell.get("outputs", ())
    )


def texts(notebook) -> list[str]:
    return [
        output.get("text") or output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" not in output.get("data", {})
    ]
