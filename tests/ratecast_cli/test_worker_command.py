from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from ratecast.settings import Settings, load_settings
from ratecast_cli import worker_command as command
from ratecast_stack.children import free_port


@pytest.fixture
def taken():
    """A port that is taken."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def with_default_port(port: int) -> Settings:
    """Settings as they would be if this were the default port."""
    settings = Settings(http_port=port)
    settings.model_fields_set.discard("http_port")
    return settings


def test_a_taken_default_port_is_replaced_by_the_next_free_one(taken, caplog):
    settings = command.with_free_port(with_default_port(taken))
    assert taken < settings.http_port < taken + 100
    assert caplog.messages == [
        f"port {taken} is taken: metrics are on http://127.0.0.1:{settings.http_port}/metrics"
    ]


def test_a_free_default_port_is_kept_without_a_word(monkeypatch, taken, caplog):
    monkeypatch.setattr(command, "_can_listen", lambda *_: True)
    assert command.with_free_port(with_default_port(taken)).http_port == taken
    assert not caplog.messages


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_port_that_was_asked_for_is_never_replaced(monkeypatch, taken, way):
    if way == "variable":
        monkeypatch.setenv("RATECAST_HTTP_PORT", str(taken))
    settings = load_settings(http_port=taken if way == "option" else None)
    assert command.with_free_port(settings).http_port == taken


def test_a_worker_waits_for_a_broker_without_a_name():
    # Not the default port: demos of other tests run their workers there.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ratecast", "worker", "-b", "nowhere.invalid:9092"),
            *("--models-dir", "nowhere", "--http-port", str(free_port())),
        ],
        env={**os.environ, "RATECAST_CONNECT_TIMEOUT_SECONDS": "0.2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no address found for nowhere.invalid yet, retrying for 0.2 s" in done.stderr
