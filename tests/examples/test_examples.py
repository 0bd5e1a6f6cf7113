"""The programs and the notebook of `examples/` do what the documentation shows, with the ECB's rates of this year."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
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


def run(variables: dict[str, str], *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / command[0]), *command[1:]],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def shown(command: str) -> str:
    """What the page shows as the output of a command."""
    (output,) = re.findall(rf"^\$ {re.escape(command)}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return output


def test_coverage_by_week_is_what_the_page_shows(scored_year):
    done = run(scored_year, "coverage_by_week.py")
    assert done.returncode == 0, done.stderr
    beginning, end = shown("python examples/coverage_by_week.py").split("...\n")
    assert done.stdout.startswith(beginning)
    assert done.stdout.endswith(end)


def test_the_picture_is_drawn_with_its_misses(scored_year, tmp_path):
    done = run(scored_year, "fan_picture.py", "EUR/USD", "fan.svg", cwd=tmp_path)
    assert done.stdout == shown("python examples/fan_picture.py EUR/USD fan.svg"), done.stderr
    picture = (tmp_path / "fan.svg").read_text()
    assert "outside the 95 % range" in picture
    assert len(picture) > 10_000


def test_the_alert_is_in_the_format_of_a_slack_webhook(scored_year):
    done = run(scored_year, "slack_alerts.py", "1d")
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown("python examples/slack_alerts.py 1d")
    assert json.loads(done.stdout)["blocks"]


def test_the_alert_is_posted(scored_year):
    posted = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - the library's name
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if len(posted) == 1 else 403)
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/secret"
        sent, refused = (run(scored_year, "slack_alerts.py", "1d", url) for _ in range(2))
        server.shutdown()
    assert (sent.returncode, sent.stdout, sent.stderr) == (0, "", "")
    assert json.loads(posted[0]) == json.loads(shown("python examples/slack_alerts.py 1d"))
    assert refused.stderr == "the webhook answered 403: nothing was posted\n"


@pytest.mark.parametrize(
    "command", [("slack_alerts.py",), ("fan_picture.py",), ("slack_alerts.py", "1d", "file:///etc/passwd")]
)
def test_wrong_use_is_one_line(scored_year, command):
    done = run(scored_year, *command)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


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
