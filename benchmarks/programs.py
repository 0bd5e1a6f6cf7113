"""The programs that are measured: the worker as users run it, the two echoes, and the peers."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.environments import python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent
WORKER, SEND, BATCH = "worker", "echo, send", "echo, batches"
PEERS = {
    "FastStream": "peers/faststream",
    "FastStream, batches": "peers/faststream",
    "Quix Streams": "peers/quixstreams",
    "MLServer": "peers/mlserver",
}


class Place(NamedTuple):
    """Where a program reads and writes, and which model it serves."""

    bootstrap_servers: str
    source: str
    target: str
    models_dir: Path


class Program(NamedTuple):
    """A program's running processes."""

    processes: tuple[subprocess.Popen[bytes], ...]

    def cpu_seconds(self) -> float:
        """Returns the user and system time that the processes have used."""
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def memory_mb(self) -> float:
        """Returns the resident memory of the largest process."""
        return max(_memory_mb(process.pid) for process in self.processes)

    def check_alive(self) -> None:
        """Ends the run if a process has ended."""
        for process in self.processes:
            if process.poll() is not None:
                raise SystemExit(f"{process.args!r} ended with exit code {process.returncode}")


@contextmanager
def running(program: str, place: Place, workers: int = 1) -> Iterator[Program]:
    """Runs a program on loopback as so many processes of one new group, and ends them afterwards."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RATECAST_BOOTSTRAP_SERVERS": place.bootstrap_servers,
        "RATECAST_INPUT_TOPIC": place.source,
        "RATECAST_OUTPUT_TOPIC": place.target,
        "RATECAST_DEAD_LETTER_TOPIC": place.target + "-dead",
        "RATECAST_GROUP_ID": group,
        "RATECAST_MODELS_DIR": str(place.models_dir),
        "RATECAST_LOG_LEVEL": "ERROR",
    }
    if program == "worker, at least once":
        environment["RATECAST_GUARANTEE"] = "at-least-once"
    command = _command(program, place, group)
    processes = tuple(
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(workers)
    )
    try:
        yield Program(processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:  # a peer that does not stop by itself
                process.kill()
                process.wait()


def _command(program: str, place: Place, group: str) -> list[str]:
    four = [place.bootstrap_servers, place.source, place.target, group]
    if program in PEERS:
        folder = PEERS[program]
        serve = str(HERE / folder / "serve.py")
        model = str(place.models_dir / (place.models_dir / "current").read_text().strip() / "model.joblib")
        return [str(python_of(folder)), serve, *four, model, program]
    if program in {SEND, BATCH}:
        how = "send" if program == SEND else "batch"
        return [sys.executable, "-m", "benchmarks.echoes", how, *four]
    if program == "worker, no metrics":
        return [sys.executable, "-m", "benchmarks.worker_without_metrics"]
    return [sys.executable, "-m", "ratecast", "worker", "--http-port", "0"]


def cpu_seconds(pid: int) -> float:
    """Returns the user and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
