"""A worker inside another asyncio program: it scores like any other, and leaves the program's signals alone."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from consumer.worker import Worker
from ratecast.errors import ModelBundleError
from tests.bad_records import GOOD
from tests.integration.workers import publish, read, until

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
async def heard():
    """The signals that the program itself receives, by handlers of its own."""
    loop, received = asyncio.get_running_loop(), []
    for number in NUMBERS:
        loop.add_signal_handler(number, received.append, number)
    yield received
    for number in NUMBERS:
        loop.remove_signal_handler(number)


async def test_the_programs_signals_stay_its_own_and_stop_ends_the_worker(settings, heard):
    worker = Worker(settings)
    running = asyncio.create_task(worker.run(handle_signals=False))
    await until(lambda: running.done() or worker.readiness()["ready"])
    await publish(settings, [(b"EUR/GBP", GOOD, [])])
    for number in NUMBERS:
        os.kill(os.getpid(), number)
    await until(lambda: len(heard) == len(NUMBERS))
    assert len(await read(settings, settings.output_topic, 1)) == 1
    assert not running.done()
    worker.stop()
    await asyncio.wait_for(running, 30)
    os.kill(os.getpid(), signal.SIGTERM)
    await until(lambda: len(heard) == len(NUMBERS) + 1)  # also after the worker


async def test_a_program_that_cancels_the_worker_gets_an_ordered_shutdown(settings):
    worker = Worker(settings)
    running = asyncio.create_task(worker.run(handle_signals=False))
    await until(lambda: running.done() or worker.readiness()["ready"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert worker.readiness()["assigned"] in ([], None)


async def test_two_workers_share_one_program(settings):
    workers = [Worker(settings), Worker(settings)]
    running = [asyncio.create_task(worker.run(handle_signals=False)) for worker in workers]
    await until(lambda: all(worker.readiness()["assigned"] for worker in workers))
    assigned = [partition for worker in workers for partition in worker.readiness()["assigned"]]
    assert sorted(assigned) == list(range(settings.topic_partitions))
    for worker in workers:
        worker.stop()
    await asyncio.gather(*running)


async def test_a_worker_that_cannot_start_tells_the_program(settings, tmp_path, heard):
    worker = Worker(settings.model_copy(update={"models_dir": tmp_path}))
    with pytest.raises(ModelBundleError, match="there is no model in"):
        await worker.run(handle_signals=False)
    os.kill(os.getpid(), signal.SIGTERM)
    await until(lambda: heard == [signal.SIGTERM])


async def test_by_default_a_worker_stops_at_sigterm(settings):
    worker = Worker(settings)
    running = asyncio.create_task(worker.run())
    await until(lambda: running.done() or worker.readiness()["ready"])
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 30)
