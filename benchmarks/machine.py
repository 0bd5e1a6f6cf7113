"""Says what a measurement was made on: processor, memory, versions, and how busy the machine was."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec

LIBRARIES = ("aiokafka", "confluent-kafka", "numpy", "onnxruntime", "msgspec", "prometheus-client")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine of one section of measurements.

    Attributes:
        processor: name of the processor.
        cores: number of cores that the operating system shows.
        memory_gb: size of the memory.
        python: version of Python.
        libraries: name of a library -> its version.
        broker: name and version of the broker, which ran on the same machine.
        commit: the commit of the checkout; ``+`` follows it if files were changed.
        began: when the section began, ISO 8601, UTC.
        load: average number of processes that ran or waited to run in the minute before the section.
    """

    processor: str
    cores: int
    memory_gb: float
    python: str
    libraries: dict[str, str]
    broker: str
    commit: str
    began: str
    load: float

    def sentence(self) -> str:
        """Returns the machine in one sentence."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gb:.0f} GB, Python {self.python}, {self.broker}, "
            f"commit {self.commit}, {self.began[:16].replace('T', ' ')} UTC; load before the run {self.load:.1f}"
        )


def this_machine(broker: str) -> Machine:
    """Returns a description of this machine at this moment."""
    pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=pages * page_size / 1e9,
        python=platform.python_version(),
        libraries={name: version(name) for name in LIBRARIES},
        broker=broker,
        commit=_commit(),
        began=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
