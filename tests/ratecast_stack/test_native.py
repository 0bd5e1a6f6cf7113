"""`make monitoring`: its configuration, its errors, and one complete run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import monitoring
from ratecast.errors import UsageError
from ratecast_stack.native import programs
from ratecast_stack.native import prometheus_config as configuration
from ratecast_stack.native.command import _pages, main

COMPOSED: dict[str, Any] = yaml.safe_load(
    (Path(monitoring.__file__).parent / "prometheus" / "prometheus.yml").read_text()
)


def test_intervals_rules_and_jobs_are_those_of_the_containers():
    native = configuration.prometheus(9090, 9093, [8000])
    assert native["global"] == COMPOSED["global"]
    (pattern,) = COMPOSED["rule_files"]
    rules = sorted((Path(monitoring.__file__).parent / "prometheus").glob(pattern))
    assert rules
    assert native["rule_files"] == [str(path) for path in rules]
    jobs = {job["job_name"] for job in COMPOSED["scrape_configs"]}
    assert {job["job_name"] for job in native["scrape_configs"]} == jobs - {
        "kafka-lag",
        "ratecast-sink",
        "ratecast-feed",
    }  # none of them runs there


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_accepts_the_configuration(tmp_path):
    path = tmp_path / "prometheus.yml"
    path.write_text(json.dumps(configuration.prometheus(9090, 9093, [8000, 8001])))
    result = subprocess.run(
        ["promtool", "check", "config", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_misspelt_setting_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("RATECAST_MODEL_DIR", "x")
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "error: RATECAST_MODEL_DIR is not a setting: did you mean RATECAST_MODELS_DIR?\n"
    )


def test_a_missing_program_is_one_line_that_names_the_packages(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: prometheus and alertmanager are not installed")
    assert "apt-get install prometheus prometheus-alertmanager" in error
    assert error.count("\n") == 1


def test_debians_name_of_alertmanager_is_found(monkeypatch, tmp_path):
    for name in ("prometheus", "prometheus-alertmanager"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.find() == {
        "prometheus": str(tmp_path / "prometheus"),
        "alertmanager": str(tmp_path / "prometheus-alertmanager"),
    }
    (tmp_path / "prometheus").unlink()
    with pytest.raises(UsageError, match=r"^prometheus is not installed"):
        programs.find()


class _Pages(BaseHTTPRequestHandler):
    """Debian's Prometheus 2.42: the pages of its manual are missing, and `/graph` only redirects."""

    def do_GET(self):
        found = self.path.startswith("/classic/")
        self.send_response(301 if self.path == "/graph" else 200 if found else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_only_pages_that_can_be_opened_are_shown():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server_url = f"http://127.0.0.1:{server.server_port}"
        shown = _pages(server.server_port)
        server.shutdown()
        thread.join()
    assert shown == ", ".join(f"{server_url}/classic/{page}" for page in ("targets", "alerts", "graph"))
    assert _pages(server.server_port) == server_url, "without a page, the server's address"


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@pytest.fixture
def running(models_dir, tmp_path):
    try:
        programs.find()
    except UsageError as reason:
        pytest.skip(str(reason))
    pairs = "--models-dir", str(models_dir), "--prometheus-port", "0", "--alertmanager-port", "0"
    log = tmp_path / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "ratecast_stack.native", *pairs],
            stderr=sink,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    try:
        yield process, log
    finally:
        process.terminate()
        process.wait(60)


def until(condition, seconds: float):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_everything_is_up_scraped_and_gone_after_ctrl_c(running, tmp_path):
    process, log = running
    until(lambda: "Ctrl-C stops everything" in log.read_text() or process.poll() is not None, 120)
    assert process.poll() is None, log.read_text()
    pages = next(
        line.split(maxsplit=1)[1].split(", ")
        for line in log.read_text().splitlines()
        if line.startswith("Prometheus")
    )
    assert [urllib.request.urlopen(page, timeout=5).status for page in pages] == [200] * len(pages)  # noqa: S310
    prometheus = "/".join(pages[0].split("/")[:3])

    def all_up() -> bool:
        targets = get(f"{prometheus}/api/v1/targets")["data"]["activeTargets"]
        return len(targets) == 4 and all(target["health"] == "up" for target in targets)

    until(all_up, 40)
    rules = get(f"{prometheus}/api/v1/rules")["data"]["groups"]
    assert all(rule["health"] != "err" for group in rules for rule in group["rules"])
    assert {rule["type"] for group in rules for rule in group["rules"]} == {"alerting", "recording"}
    url = f"{prometheus}/api/v1/query?query=sum(predictions_published_total)"
    until(lambda: [r for r in get(url)["data"]["result"] if float(r["value"][1]) > 0], 40)

    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert log.read_text().endswith("stopped\n")
    assert not list(tmp_path.glob("ratecast-stack-*"))
    assert str(tmp_path) not in " ".join(commands())


def commands() -> list[str]:
    shown = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            shown.append(entry.read_text().replace("\0", " "))
        except OSError:
            continue
    return shown
