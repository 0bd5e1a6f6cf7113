from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest

from ratecast.settings import Settings
from ratecast_cli import demo_command as command
from ratecast_stack.local_stack import LocalStack
from tests.ratecast_cli.test_demo_view import summary


@pytest.fixture
def stack(tmp_path):
    settings = Settings(bootstrap_servers="127.0.0.1:12345", models_dir=Path("models"))
    return LocalStack(settings, tmp_path, (8001, 8002), (), "http://127.0.0.1:8000/")


def test_the_demo_ends_with_its_summary_and_the_next_step(stack, capsys):
    command._finish(summary(), stack, json=False, keep_running=False)
    shown = capsys.readouterr()
    assert shown.out.count("summary, counted from the topics") == 1
    assert "http://127.0.0.1:8000/ is closed now; `ratecast demo --keep-running` leaves it open" in shown.err
    assert "next      start the parts yourself" in shown.err
    for step in ("ratecast broker", "ratecast worker", "ratecast tail", "ratecast replay --from 2025-01-01"):
        assert f"`{step}" in shown.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_keeps_running_shows_its_summary_once_and_what_to_do(stack, capsys, number):
    timer = threading.Timer(0.3, signal.raise_signal, (number,))
    timer.start()
    command._finish(summary(), stack, json=False, keep_running=True)
    timer.join()
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("summary, counted from the topics") == 1
    assert (
        "http://127.0.0.1:8001/metrics, http://127.0.0.1:8002/metrics; Ctrl-C stops everything" in shown.err
    )
    assert "page      http://127.0.0.1:8000/\n" in shown.err
    assert "ratecast tail -b 127.0.0.1:12345 --from-beginning" in shown.err


def test_json_is_one_document_and_the_rest_is_on_stderr(stack, capsys):
    command._finish(summary(), stack, json=True, keep_running=False)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["report"] == "models/2024-12-31-56271277/report.html"
    assert "next      start" in shown.err
