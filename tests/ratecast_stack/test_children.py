from __future__ import annotations

import socket
import sys

import pytest

from ratecast.errors import OperationError
from ratecast_stack import children


def test_a_child_that_ends_is_an_error_that_quotes_its_log(tmp_path):
    command = (sys.executable, "-c", "print('no such file')")
    with children.running("prometheus", command, tmp_path) as child:
        child.process.wait()
        with pytest.raises(OperationError, match=r"^prometheus ended unexpectedly: no such file$"):
            child.wait_until(lambda: False)


def test_a_child_that_is_not_ready_in_time_is_an_error(tmp_path):
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    with (
        children.running("worker 1", command, tmp_path) as child,
        pytest.raises(OperationError, match=r"^worker 1 is not ready after 0\.1 s: its log is empty$"),
    ):
        child.wait_until(lambda: False, 0.1)
    assert child.process.returncode is not None


def test_a_child_that_ignores_sigterm_is_killed(tmp_path):
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    child = children.start("stubborn", (sys.executable, "-c", script), tmp_path / "log")
    child.wait_until(lambda: child.last_line() == "on")
    child.stop(0.1)
    assert child.process.returncode == -9


def test_a_taken_port_is_replaced_by_a_free_one():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert children.free_port(taken) not in {0, taken}
    assert children.free_port(taken) == taken
