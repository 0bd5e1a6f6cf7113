from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ratecast.errors import OperationError, UsageError
from ratecast_stack import embedded as broker
from ratecast_stack.embedded import EmbeddedBroker


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 15
    while is_alive(pid):
        assert time.monotonic() < deadline, "the broker outlived its owner"
        time.sleep(0.05)


def test_it_is_gone_when_the_block_is_left_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), EmbeddedBroker(tmp_path) as running:
        pid = running.child.process.pid
        raise RuntimeError("inside")
    wait_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = start_command(tmp_path)
    pid = child_of(process.pid)
    process.send_signal(number)
    out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (0, "stopped\n")
    wait_gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_it_is_gone_when_its_owner_is_killed(tmp_path: Path) -> None:
    process = start_command(tmp_path)
    pid = child_of(process.pid)
    process.kill()
    process.communicate()
    wait_gone(pid)


def start_command(data_dir: Path, *options: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-m", "ratecast", "broker", "--port", "0", "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Kafka on 127.0.0.1:")
    return process


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_data_survives_a_restart_on_the_same_port(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as first:
        port = first.port
    with EmbeddedBroker(tmp_path, port) as second:
        assert second.bootstrap_servers == f"127.0.0.1:{port}"
    assert (tmp_path / "broker.log").is_file()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with (
        EmbeddedBroker(tmp_path / "a") as first,
        pytest.raises(UsageError, match=f"port {first.port} is taken"),
    ):
        EmbeddedBroker(tmp_path / "b", first.port).start()


def test_a_missing_broker_is_an_error_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"run `make install` in .*docker compose"):
        EmbeddedBroker(tmp_path).start()


def test_a_broker_that_ends_at_once_is_an_error_that_quotes_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "broker"
    script.write_text("#!/bin/sh\necho cannot do it >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(broker, "executable", lambda: script)
    with pytest.raises(OperationError, match=r"^the embedded broker ended unexpectedly: cannot do it$"):
        EmbeddedBroker(tmp_path / "data").start()


def test_a_data_directory_that_is_a_file_is_rejected_in_one_line(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--data-dir .*file cannot be used: "):
        EmbeddedBroker(tmp_path / "file").start()
