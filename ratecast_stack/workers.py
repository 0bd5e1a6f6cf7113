"""Worker processes of the demo: started, waited for, and always ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from ratecast.errors import OperationError
from ratecast_stack.children import free_port

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

_READY_LIMIT_SECONDS = 60.0
_STOP_LIMIT_SECONDS = 15.0
_FIRST_PORT = 8000


@dataclass(frozen=True)
class WorkerProcess:
    """A running ``ratecast worker``."""

    process: Process
    port: int
    log: Path

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self.port}/metrics"


async def start_worker(number: int, log_dir: Path, environment: dict[str, str]) -> WorkerProcess:
    """Start a worker with this interpreter; its log goes to ``worker-<number>.log``."""
    port = _port(_FIRST_PORT + number - 1)
    log = log_dir / f"worker-{number}.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ratecast", "worker", "--http-port", str(port)),
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            # Ctrl-C is for the demo, which ends its workers in order.
            start_new_session=True,
        )
    return WorkerProcess(process, port, log)


async def wait_ready(workers: list[WorkerProcess]) -> None:
    """Wait until every worker's ``/ready`` says so.

    Raises:
        OperationError: one ended, or was not ready in time; the message quotes its log.
    """
    deadline = asyncio.get_running_loop().time() + _READY_LIMIT_SECONDS
    async with aiohttp.ClientSession() as session:
        for worker in workers:
            while not await _is_ready(session, worker):
                ended = worker.process.returncode is not None
                if ended or asyncio.get_running_loop().time() > deadline:
                    last = worker.log.read_text(errors="replace").strip().splitlines()[-1:]
                    state = "ended" if ended else "is not ready"
                    raise OperationError(f"a worker {state}: {' '.join(last) or 'its log is empty'}")
                await asyncio.sleep(0.05)


async def _is_ready(session: aiohttp.ClientSession, worker: WorkerProcess) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{worker.port}/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def stop_workers(workers: list[WorkerProcess]) -> None:
    """SIGTERM to all, then wait; what does not end in time is killed."""
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            worker.process.terminate()
    for worker in workers:
        try:
            await asyncio.wait_for(worker.process.wait(), _STOP_LIMIT_SECONDS)
        except TimeoutError:
            worker.process.kill()
            await worker.process.wait()


def _port(wanted: int) -> int:
    """The wanted port when it is free, else any."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
    return wanted
