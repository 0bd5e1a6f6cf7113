"""What `make bench` measures, as it is kept in docs/performance/<broker>.json."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec

from benchmarks.machine import Machine  # noqa: TC001 - msgspec reads it when it decodes

HOME = Path(__file__).parents[1] / "docs" / "performance"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One program and its load.

    Attributes:
        program: a name in `benchmarks.programs`.
        partitions: number of partitions of the input and of the output topic.
        workers: number of processes of the program, in one group.
        rates: number of rates in each message.
        pairs: number of currency pairs in the topic.
    """

    program: str
    partitions: int = 4
    workers: int = 1
    rates: int = 61
    pairs: int = 8


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a case.

    Attributes:
        per_second: committed messages per second, from the first output that can be read to the last.
        cpu_us: microseconds of processor time of the program per message, all its processes together.
        memory_mb: resident memory of its largest process at the end.
        messages: how many messages were counted.
        bytes_out: size of an output, uncompressed, on average.
        bytes_in: size of an input, uncompressed, on average. None if the input was not the topic of histories.
        broker_us: microseconds of processor time of the broker per message, for its part of everything: taking the
            output, giving out the input, and giving the output to the reader. None if the broker runs elsewhere.
        start_seconds: from the start of the program to its first output that a reader sees. None if that means nothing.
    """

    per_second: float
    cpu_us: float
    memory_mb: float
    messages: int
    bytes_out: int
    bytes_in: int | None = None
    broker_us: float | None = None
    start_seconds: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of a case, one of each round."""

    case: Case
    runs: list[Run]

    def median(self, figure: str = "per_second") -> float:
        """Returns the median of a figure of `Run` over the rounds."""
        return statistics.median(getattr(run, figure) for run in self.runs)

    def spread(self) -> tuple[float, float]:
        """Returns the lowest and the highest messages per second."""
        rates = [run.per_second for run in self.runs]
        return min(rates), max(rates)


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """Latency of one program at one rate, from the intended send time to the reader, over all rounds.

    Attributes:
        program: a name in `benchmarks.programs`.
        rate: messages per second that were due.
        due: how many messages were due after the warm-up.
        seen: how many of them could be read in time.
        p50: latency in milliseconds that half of the messages had at most.
        p99: the same for 99 of 100.
        p999: the same for 999 of 1,000.
        rounds_p99: p99 of each round.
        publisher_late_ms: how late the publisher handed over its messages; 99 of 100 at most so much. It is part of
            the latency.
    """

    program: str
    rate: int
    due: int
    seen: int
    p50: float
    p99: float
    p999: float
    rounds_p99: list[float]
    publisher_late_ms: float


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of one question, made in one sitting."""

    machine: Machine
    measured: list[Measured] = []
    latencies: list[Latencies] = []


class Results(msgspec.Struct, kw_only=True):
    """All sections of one broker; a section that is measured again replaces its older self."""

    sections: dict[str, Section] = {}


def load_results(broker: str, home: Path = HOME) -> Results:
    """Returns the kept results of a broker; empty if there are none."""
    path = home / f"{broker}.json"
    if not path.exists():
        return Results()
    return msgspec.json.decode(path.read_bytes(), type=Results)


def save_results(broker: str, results: Results, home: Path = HOME) -> None:
    """Writes the results of a broker."""
    home.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(results), indent=1)
    (home / f"{broker}.json").write_bytes(text + b"\n")
