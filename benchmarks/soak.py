"""Watches memory and open files of a worker under a steady load: `python -m benchmarks.soak --rate 5000 --minutes 30`.

Both must be flat once the worker is warm. The first fifth of the samples is the warm-up.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import bench_topics
from benchmarks.bench_broker import bench_broker
from benchmarks.machine import this_machine
from benchmarks.programs import ROOT, WORKER, Place, running
from ratecast.model.bundle import load
from ratecast.settings import load_settings

PARTITIONS = 4
SAMPLE_SECONDS = 5.0
SAMPLES_A_LINE = 24


class Sample(NamedTuple):
    """One look at a process: resident memory in MB, and open file descriptors."""

    memory_mb: float
    files: int


def growth(samples: list[Sample]) -> Sample:
    """Returns the median of the last fifth minus that of the second fifth.

    >>> growth([Sample(100, 9), Sample(150, 20), Sample(150, 20), Sample(151, 20), Sample(152, 21)])
    Sample(memory_mb=2, files=1)
    """
    fifth = max(len(samples) // 5, 1)
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    memory, files = (
        statistics.median(of[figure] for of in late) - statistics.median(of[figure] for of in early)
        for figure in range(2)
    )
    return Sample(memory, int(files))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="kafka", help="embedded, kafka, or host:port")
    parser.add_argument("--rate", type=int, default=5000, help="messages a second")
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    models_dir = load_settings().models_dir.resolve()
    pairs = list(load(models_dir).stats.pairs)[:8]
    with bench_broker(options.broker) as broker:
        servers = broker.bootstrap_servers
        source, target = (bench_topics.new_topic(servers, PARTITIONS) for _ in range(2))
        bench_topics.create(servers, f"{target}-dead", 1)
        print(this_machine(broker.name).sentence(), flush=True)
        count = int(options.rate * 60 * options.minutes)
        load_of = [servers, source, str(PARTITIONS), str(options.rate), str(count), ",".join(pairs)]
        command = [sys.executable, "-m", "benchmarks.paced_publisher", *load_of]
        with (
            running(WORKER, Place(servers, source, target, models_dir)) as program,
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as publisher,
        ):
            home = Path(f"/proc/{program.processes[0].pid}/fd")
            samples = []
            try:
                while publisher.poll() is None:
                    program.check_alive()
                    samples.append(Sample(program.memory_mb(), len(list(home.iterdir()))))
                    if len(samples) % SAMPLES_A_LINE == 0:
                        print(
                            f"after {len(samples) * SAMPLE_SECONDS / 60:.0f} min: {_result(samples)}",
                            flush=True,
                        )
                    time.sleep(SAMPLE_SECONDS)
            except KeyboardInterrupt:
                publisher.terminate()
                print("stopped early", flush=True)
        print(f"{options.rate:,} messages a second: {_result(samples)}", flush=True)


def _result(samples: list[Sample]) -> str:
    grown, last = growth(samples), samples[-1]
    return f"{last.memory_mb:.0f} MB ({grown.memory_mb:+.1f}), {last.files} files ({grown.files:+})"


if __name__ == "__main__":
    main()
