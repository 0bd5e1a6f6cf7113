"""A worker must not become much more expensive than a plain client, measured beside one in the same run."""

from __future__ import annotations

import pytest

from benchmarks.bench_broker import Broker
from benchmarks.programs import SEND, WORKER
from benchmarks.results import Case
from benchmarks.rounds import Rounds
from tests.bundles import LEVELS

MESSAGES = 8_000
# Processor time, because on a busy machine it varies less than messages per second. A worker with this small model needs
# half the processor time of an echo that calls `send` for each record. More than twice that is a loss, not noise.
MOST_TIMES = 1.2


@pytest.mark.one_engine
def test_a_worker_costs_no_more_than_a_plain_echo(settings) -> None:
    broker = Broker(settings.bootstrap_servers, "", None)
    rounds = Rounds(broker, settings.models_dir, list(LEVELS), MESSAGES, seconds=20.0)
    echo, worker = rounds.measure([Case(program=SEND, pairs=4), Case(program=WORKER, pairs=4)], rounds=2)
    # Interference only adds processor time, so the smaller of two runs is the better measurement.
    times = min(run.cpu_us for run in worker.runs) / min(run.cpu_us for run in echo.runs)
    assert times <= MOST_TIMES, (
        f"{times:.2f} times the echo's processor time; docs/performance.md has the usual figures"
    )
    assert all(run.messages > MESSAGES / 2 for measured in (echo, worker) for run in measured.runs)
