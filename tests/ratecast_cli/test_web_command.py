from __future__ import annotations

import importlib.util
import re
import signal
import subprocess

import pytest

from ratecast.errors import UsageError
from ratecast.settings import Settings
from ratecast_cli import web_command as command
from ratecast_stack.shadowing import child_environment, ratecast_command
from tests.producer.commands import invoke


def test_ctrl_c_ends_it_in_order_and_it_says_so():
    with subprocess.Popen(
        ratecast_command("web", "-b", "127.0.0.1:9", "--web-port", "0"),
        env=child_environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stderr is not None
        first = next(line for line in program.stderr if "the page is on" in line)
        assert re.search(r"http://127\.0\.0\.1:\d+/, .*http://127\.0\.0\.1:\d+/docs", first)
        program.send_signal(signal.SIGINT)
        rest = program.stderr.read()
        assert program.wait(10) == 0, rest
    assert rest.splitlines()[-1].endswith("stopped")
    assert "Traceback" not in rest


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else found(name))
    result = invoke(command)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("ratecast web needs fastapi: run ")


def test_a_taken_port_is_moved_only_if_the_user_did_not_choose_it():
    chosen = Settings(web_port=1)
    assert command.with_free_port(chosen) is chosen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "free_port_from", lambda host, first: first + 7)
        assert command.with_free_port(Settings()).web_port == 8007
