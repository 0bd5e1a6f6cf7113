"""Measures throughput: every case once in each round, so that all cases see the same machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks import bench_topics
from benchmarks.programs import PEERS, Place, cpu_seconds, running
from benchmarks.results import Case, Measured, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from confluent_kafka import Consumer

    from benchmarks.bench_broker import Broker
    from benchmarks.programs import Program

START_LIMIT_SECONDS = 60.0
SILENCE_LIMIT_SECONDS = 20.0
MLSERVER_REQUESTS = 2000
MLSERVER_HEADERS = {"mlserver-model": "forest"}


class Rounds:
    """Runs cases on one broker; each different load has one filled topic that all its cases read.

    Args:
        broker: the broker.
        models_dir: directory with the model that everybody serves.
        pairs: the pairs of the model.
        messages: how many messages a topic holds.
        seconds: a run ends after so many seconds of output, also if messages are left. Only peers need that long.
    """

    def __init__(
        self, broker: Broker, models_dir: Path, pairs: Sequence[str], messages: int, seconds: float
    ) -> None:
        self._bootstrap_servers = broker.bootstrap_servers
        self._broker_pid = broker.pid
        self._models_dir = models_dir
        self._pairs = pairs
        self._messages = messages
        self._seconds = seconds
        self._filled: dict[tuple[int, int, int], str] = {}
        self._bytes_in: dict[str, int] = {}  # of a topic's messages, on average

    def measure(self, cases: Iterable[Case], rounds: int) -> list[Measured]:
        """Returns the runs of each case. Rounds alternate: the order of the cases turns around in every second one."""
        runs: dict[Case, list[Run]] = {case: [] for case in cases}
        for number in range(rounds):
            for case in list(runs)[:: 1 if number % 2 == 0 else -1]:
                run = self.run(case)
                runs[case].append(run)
                print(
                    f"round {number + 1}: {case.program:20} {case.workers} x, {case.partitions:2} partitions, "
                    f"{case.rates} rates, {case.pairs} pairs: {run.per_second:9,.0f} msg/s, {run.cpu_us:8.1f} us, "
                    f"{run.memory_mb:.0f} MB",
                    flush=True,
                )
        return [Measured(case=case, runs=of_case) for case, of_case in runs.items()]

    def run(self, case: Case) -> Run:
        """Returns one run of a case."""
        target = bench_topics.new_topic(self._bootstrap_servers, case.partitions)
        dead = f"{target}-dead"
        bench_topics.create(self._bootstrap_servers, dead, 1)
        # MLServer reads what is published after its start, and only requests of its own protocol.
        late = case.program == "MLServer"
        source = (
            bench_topics.new_topic(self._bootstrap_servers, case.partitions) if late else self.topic(case)
        )
        place = Place(self._bootstrap_servers, source, target, self._models_dir)
        consumer = bench_topics.reader(self._bootstrap_servers, target, case.partitions)
        try:
            with running(case.program, place, case.workers) as program:
                if late:
                    self._serve_late(case, source, consumer)
                limit = min(self._messages, MLSERVER_REQUESTS) if late else self._messages
                return self._count(program, consumer, limit, self._bytes_in.get(source, 0))
        finally:
            consumer.close()
            bench_topics.delete_topics(self._bootstrap_servers, [target, dead, *([source] if late else [])])

    def topic(self, case: Case) -> str:
        """Returns the filled topic of a case's load; fills it the first time."""
        load = case.partitions, case.rates, case.pairs
        if load not in self._filled:
            topic = bench_topics.new_topic(self._bootstrap_servers, case.partitions)
            contents = bench_topics.values(self._pairs[: case.pairs], case.rates)
            bench_topics.fill(
                self._bootstrap_servers,
                topic,
                case.partitions,
                self._messages,
                bench_topics.Contents(contents),
            )
            self._filled[load] = topic
            self._bytes_in[topic] = sum(map(len, contents)) // len(contents)
        return self._filled[load]

    def _serve_late(self, case: Case, source: str, consumer: Consumer) -> None:
        """Publishes to a program that starts at the end of the topic: first until it answers, then all requests."""
        values = bench_topics.values(self._pairs[: case.pairs], case.rates, MLSERVER_REQUESTS)
        requests = bench_topics.Contents(
            [bench_topics.as_inference_request(value) for value in values], MLSERVER_HEADERS
        )
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not consumer.consume(100, 0.5):
            if time.monotonic() > deadline:
                raise SystemExit(f"{case.program} did not answer within {START_LIMIT_SECONDS:g} s")
            bench_topics.fill(self._bootstrap_servers, source, case.partitions, 1, requests)
        bench_topics.fill(self._bootstrap_servers, source, case.partitions, MLSERVER_REQUESTS, requests)

    def _count(self, program: Program, consumer: Consumer, messages: int, bytes_in: int) -> Run:
        """Counts committed outputs from the first one that can be read; start-up does not count."""
        seen, first, last, bytes_out = 0, None, 0.0, 0
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while seen < messages:
            polled = [record for record in consumer.consume(2000, 0.05) if record.error() is None]
            now = time.perf_counter()
            if polled:
                seen, last = seen + len(polled), now
                bytes_out += sum(len(record.value()) for record in polled)
                if first is None:
                    first = now, program.cpu_seconds(), seen, self._broker_seconds()
            program.check_alive()
            if first is None and time.monotonic() > deadline:
                raise SystemExit(f"no output within {START_LIMIT_SECONDS:g} s")
            if first and (now - first[0] > self._seconds or now - last > SILENCE_LIMIT_SECONDS):
                break
        if first is None or first[2] > seen / 2:
            raise SystemExit("most messages came at once: use more --messages")
        counted = seen - first[2]
        broker = self._broker_seconds() - first[3] if self._broker_pid else None
        return Run(
            per_second=counted / (last - first[0]),
            cpu_us=1e6 * (program.cpu_seconds() - first[1]) / counted,
            memory_mb=program.memory_mb(),
            messages=counted,
            bytes_in=bytes_in,
            bytes_out=bytes_out // seen,
            broker_us=None if broker is None else 1e6 * broker / counted,
        )

    def _broker_seconds(self) -> float:
        return cpu_seconds(self._broker_pid) if self._broker_pid else 0.0


def peer_cases() -> list[Case]:
    """Returns a case for each peer, beside the worker, on the same load."""
    return [Case(program="worker"), *(Case(program=name) for name in PEERS)]
