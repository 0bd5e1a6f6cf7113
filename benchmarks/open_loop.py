"""Measures latency at a fixed rate: from the time at which a message was due until its output can be read.

The publisher does not wait for anybody (open loop), so a program that stops for a second makes a second's messages
late, not one. That is what "no coordinated omission" means. Percentiles are taken over all latencies, without buckets.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import bench_topics
from benchmarks.programs import ROOT, Place, running
from benchmarks.results import Latencies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from confluent_kafka import Consumer
    from numpy.typing import NDArray

PARTITIONS = 4
WARM_UP_SECONDS = 3.0
LINGER_SECONDS = 5.0  # how long late outputs are waited for
ANSWER_LIMIT_SECONDS = 60.0
PERCENTILES = (50, 99, 99.9)


class Flight(NamedTuple):
    """One run: latencies in seconds of the messages that were seen, and of how many."""

    latencies: NDArray[np.float64]
    due: int
    late_ms: float


def fly(
    program: str, servers: str, models_dir: Path, pairs: Sequence[str], rate: int, seconds: float
) -> Flight:
    """Returns one run of a program at a rate in messages per second."""
    source, target = (bench_topics.new_topic(servers, PARTITIONS) for _ in range(2))
    bench_topics.create(servers, f"{target}-dead", 1)
    consumer = bench_topics.reader(servers, target, PARTITIONS, wait_ms=5)
    try:
        with running(program, Place(servers, source, target, models_dir)):
            _until_it_answers(servers, source, consumer, pairs)
            warm = int(rate * WARM_UP_SECONDS)
            due = int(rate * seconds)
            load = [servers, source, str(PARTITIONS), str(rate), str(warm + due), ",".join(pairs)]
            command = [sys.executable, "-m", "benchmarks.paced_publisher", *load]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as publisher:
                start = float(_line_of(publisher))
                arrived = _arrivals(consumer, warm + due, start + (warm + due) / rate + LINGER_SECONDS)
                late_ms = float(_line_of(publisher))
            latencies = arrived - (start + np.arange(warm + due) / rate)
            after_warm_up = latencies[warm:]
            return Flight(after_warm_up[np.isfinite(after_warm_up)], due, late_ms)
    finally:
        consumer.close()
        bench_topics.delete_topics(servers, [source, target, f"{target}-dead"])


def _line_of(publisher: subprocess.Popen[str]) -> str:
    line = publisher.stdout.readline() if publisher.stdout else ""
    if not line:
        raise SystemExit("the publisher ended early")
    return line


def _until_it_answers(servers: str, source: str, consumer: Consumer, pairs: Sequence[str]) -> None:
    """Publishes lone messages until the program answers on every partition."""
    contents = bench_topics.Contents(bench_topics.values(pairs, 61, 100), mark="-")
    answered: set[int] = set()
    deadline = time.monotonic() + ANSWER_LIMIT_SECONDS
    while len(answered) < PARTITIONS:
        if time.monotonic() > deadline:
            raise SystemExit(f"no answer within {ANSWER_LIMIT_SECONDS:g} s")
        bench_topics.fill(servers, source, PARTITIONS, PARTITIONS, contents)
        answered |= {record.partition() for record in consumer.consume(100, 0.3) if record.error() is None}
    while consumer.consume(1000, 0.5):  # the rest of their answers
        pass


def _arrivals(consumer: Consumer, count: int, deadline: float) -> NDArray[np.float64]:
    """Returns when the output with each key could be read, NaN for those that did not come, shape ``(count,)``."""
    arrived = np.full(count, np.nan)
    missing = count
    while missing and time.perf_counter() < deadline:
        polled = consumer.consume(2000, 0.005)
        now = time.perf_counter()
        for record in polled:
            if record.error() is None and record.key()[:1] != b"-":
                arrived[int(record.key())] = now
                missing -= 1
    return arrived


def summary(program: str, rate: int, flights: Sequence[Flight]) -> Latencies:
    """Returns the percentiles of all rounds together, in milliseconds."""
    every = 1000 * np.concatenate([flight.latencies for flight in flights])
    if not len(every):
        raise SystemExit(f"{program} answered nothing at {rate} messages a second")
    p50, p99, p999 = np.percentile(every, PERCENTILES)
    return Latencies(
        program=program,
        rate=rate,
        due=sum(flight.due for flight in flights),
        seen=len(every),
        p50=float(p50),
        p99=float(p99),
        p999=float(p999),
        rounds_p99=[float(1000 * np.percentile(f.latencies, 99)) for f in flights if len(f.latencies)],
        publisher_late_ms=max(flight.late_ms for flight in flights),
    )
