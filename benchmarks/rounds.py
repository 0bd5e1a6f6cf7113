"""Measures throughput: every case once in each round, so that all cases see the same machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

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
# A worker scores what a partition has waiting in one batch. With fewer messages it would score everything before its first
# transaction is committed, and that work would count as start-up.
LEAST_IN_PARTITION = 4000
MLSERVER_REQUESTS = 500  # it makes a task for each at once and answers most of them together
MLSERVER_LIMIT_SECONDS = 120.0
MLSERVER_HEADERS = {"mlserver-model": "forest"}


class _Mark(NamedTuple):
    """A moment of a run: outputs so far, and the processor time that program and broker had used."""

    at: float
    read: int
    written: int
    cpu_seconds: float
    broker_seconds: float


class Rounds:
    """Runs cases on one broker; each different load has one filled topic that all its cases read.

    Args:
        broker: the broker.
        models_dir: directory with the model that everybody serves.
        pairs: the pairs of the model.
        messages: how many messages a topic holds; at least 4,000 for each partition.
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
            began = time.perf_counter()
            with running(case.program, place, case.workers) as program:
                if late:
                    requests = self._until_ready(case, source, consumer)
                    first = self._mark(program, 0, 0)
                    bench_topics.fill(
                        self._bootstrap_servers, source, case.partitions, MLSERVER_REQUESTS, requests
                    )
                    # Its answers come in a few bursts, so a run that is cut short would miss work that was done.
                    return self._count(program, consumer, MLSERVER_REQUESTS, first, MLSERVER_LIMIT_SECONDS)
                first = self._first_output(program, consumer)
                run = self._count(program, consumer, self._messages_of(case), first, self._seconds)
                return msgspec.structs.replace(
                    run, start_seconds=first.at - began, bytes_in=self._bytes_in[source]
                )
        finally:
            consumer.close()
            bench_topics.delete_topics(self._bootstrap_servers, [target, dead, *([source] if late else [])])

    def _messages_of(self, case: Case) -> int:
        return max(self._messages, LEAST_IN_PARTITION * case.partitions)

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
                self._messages_of(case),
                bench_topics.Contents(contents),
            )
            self._filled[load] = topic
            self._bytes_in[topic] = sum(map(len, contents)) // len(contents)
        return self._filled[load]

    def _until_ready(self, case: Case, source: str, consumer: Consumer) -> bench_topics.Contents:
        """Publishes to a program that starts at the end of the topic until it answers, and returns its requests."""
        values = bench_topics.values(self._pairs[: case.pairs], case.rates, MLSERVER_REQUESTS)
        requests = bench_topics.Contents(
            [bench_topics.as_inference_request(value) for value in values], MLSERVER_HEADERS
        )
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not consumer.consume(100, 0.5):
            if time.monotonic() > deadline:
                raise SystemExit(f"{case.program} did not answer within {START_LIMIT_SECONDS:g} s")
            bench_topics.fill(self._bootstrap_servers, source, case.partitions, 1, requests)
        while consumer.consume(100, 1.0):  # the other answers
            pass
        return requests

    def _first_output(self, program: Program, consumer: Consumer) -> _Mark:
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not (records := consumer.consume(2000, 0.05)):
            program.check_alive()
            if time.monotonic() > deadline:
                raise SystemExit(f"no output within {START_LIMIT_SECONDS:g} s")
        # One pass over all partitions commits more at once than a reader sees at first. Without the topic's own count, the
        # rest would seem to be work of the time after.
        return self._mark(program, len(records), max(len(records), bench_topics.written(consumer)))

    def _count(
        self, program: Program, consumer: Consumer, messages: int, first: _Mark, seconds: float
    ) -> Run:
        """Counts committed outputs from a moment on; what was written before, start-up above all, does not count."""
        seen, last, bytes_out = first.read, first.at, 0
        while seen < messages:
            records = [record for record in consumer.consume(2000, 0.05) if record.error() is None]
            now = time.perf_counter()
            if records:
                seen, last = seen + len(records), now
                bytes_out += sum(len(record.value() or b"") for record in records)
            program.check_alive()
            enough = now - first.at > seconds and seen > 2 * first.written
            if enough or now - last > max(SILENCE_LIMIT_SECONDS, seconds):
                break
        counted = seen - first.written
        if counted < seen / 2 or not counted:
            raise SystemExit(f"only {counted} of {seen} outputs came after the first: use more --messages")
        end = self._mark(program, seen, seen)
        return Run(
            per_second=counted / (last - first.at),
            cpu_us=1e6 * (end.cpu_seconds - first.cpu_seconds) / counted,
            memory_mb=program.memory_mb(),
            messages=counted,
            bytes_out=bytes_out // (seen - first.read),
            broker_us=1e6 * (end.broker_seconds - first.broker_seconds) / counted
            if self._broker_pid
            else None,
        )

    def _mark(self, program: Program, read: int, written: int) -> _Mark:
        broker_seconds = cpu_seconds(self._broker_pid) if self._broker_pid else 0.0
        return _Mark(time.perf_counter(), read, written, program.cpu_seconds(), broker_seconds)


def peer_cases() -> list[Case]:
    """Returns a case for each peer, beside the worker, on the same load."""
    return [Case(program="worker"), *(Case(program=name) for name in PEERS)]
