from __future__ import annotations

import signal

import pytest

from ratecast.errors import UsageError
from ratecast_cli import broker_command as command
from ratecast_stack.embedded import EmbeddedBroker
from tests.producer import commands


@pytest.fixture(autouse=True)
def _signals():
    """The command replaces both signal handlers."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_a_second_broker_on_the_same_directory_is_rejected_with_the_remedy(tmp_path) -> None:
    with EmbeddedBroker(tmp_path):
        result = commands.invoke(command, "--port", "0", "--data-dir", str(tmp_path))
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == f"{tmp_path} is in use by another broker: choose another with --data-dir"
