"""Runs every benchmark on one broker and writes docs/performance: `python -m benchmarks.all --broker kafka --quick`.

Each section answers one question and is kept with the machine it was measured on. ``--only`` measures some of them again and
keeps the others. The page, its tables and its pictures are drawn from what is kept.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import open_loop, performance_page
from benchmarks.bench_broker import BROKERS, bench_broker
from benchmarks.machine import this_machine
from benchmarks.programs import BATCH, SEND, WORKER
from benchmarks.results import Case, Latencies, Section, load_results, save_results
from benchmarks.rounds import Rounds, peer_cases
from ratecast.errors import RatecastError
from ratecast.model.bundle import load
from ratecast.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BESIDE = (SEND, BATCH, WORKER)
THROUGHPUT: dict[str, list[Case]] = {
    "partitions": [Case(program=name, partitions=count) for count in (1, 4, 16, 64) for name in BESIDE],
    "workers": [Case(program=WORKER, partitions=16, workers=count) for count in (1, 2)],
    "history": [Case(program=name, rates=count) for count in (3, 21, 61, 250) for name in (BATCH, WORKER)],
    "pairs": [Case(program=WORKER, pairs=count) for count in (1, 8, 20)],
    "guarantee": [Case(program=name) for name in (WORKER, "worker, at least once", "worker, no metrics")],
    "peers": peer_cases(),
}
# The embedded broker answers a fetch with all it has, whatever limit it is given. With 64 partitions a worker has the whole
# topic in memory before its first commit.
MOST_PARTITIONS_EMBEDDED = 16
RATES = (100, 1000, 4000, 10_000)
LATENCY = "latency"
SECTIONS = (*THROUGHPUT, LATENCY)


class Extent(NamedTuple):
    """How much is measured: messages in a topic, rounds, and seconds of a run that would take too long."""

    messages: int
    rounds: int
    seconds: float


FULL, QUICK = Extent(120_000, 5, 20.0), Extent(30_000, 3, 8.0)


def measure_latency(
    servers: str, models_dir: Path, pairs: Sequence[str], rates: Sequence[int], extent: Extent
) -> list[Latencies]:
    """Returns the latencies of the echoes and the worker at each rate, in rounds that alternate."""
    found = []
    for rate in rates:
        flights: dict[str, list[open_loop.Flight]] = {name: [] for name in BESIDE}
        for _ in range(extent.rounds):
            for name, flown in flights.items():
                flown.append(open_loop.fly(name, servers, models_dir, pairs, rate, extent.seconds))
        for name, flown in flights.items():
            of = open_loop.summary(name, rate, flown)
            print(
                f"{rate:6,} a second, {name:13}: p50 {of.p50:7.1f}  p99 {of.p99:7.1f}  p99.9 {of.p999:7.1f} ms, "
                f"{of.seen:,} of {of.due:,}",
                flush=True,
            )
            found.append(of)
    return found


def _cases(section: str, broker: str) -> list[Case]:
    most = MOST_PARTITIONS_EMBEDDED if broker == "embedded" else math.inf
    return [case for case in THROUGHPUT[section] if case.partitions <= most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--broker", default="embedded", help=f"{', '.join(BROKERS)}, or host:port (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    parser.add_argument(
        "--only", choices=SECTIONS, nargs="+", default=SECTIONS, help="sections to measure (default: all)"
    )
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="messages a second for latency")
    parser.add_argument("--messages", type=int, help="messages in a topic")
    parser.add_argument("--rounds", type=int, help="runs of each case")
    options = parser.parse_args()
    extent = QUICK if options.quick else FULL
    given = {"messages": options.messages, "rounds": options.rounds}
    extent = extent._replace(**{name: value for name, value in given.items() if value})
    models_dir = load_settings().models_dir.resolve()
    try:
        pairs = list(load(models_dir).stats.pairs)
    except RatecastError as error:
        parser.error(f"{error}. `ratecast train` makes a model.")
    kept_as = options.broker if options.broker in BROKERS else "given"
    failed: list[str] = []
    with bench_broker(options.broker) as broker:
        for section in options.only:
            machine = this_machine(broker.name)
            print(f"{section}: {machine.sentence()}", flush=True)
            try:
                if section == LATENCY:
                    servers, eight = broker.bootstrap_servers, pairs[:8]
                    latencies = measure_latency(servers, models_dir, eight, options.rates, extent)
                    found = Section(machine=machine, latencies=latencies)
                else:
                    rounds = Rounds(broker, models_dir, pairs, extent.messages, extent.seconds)
                    # A broker on the JVM is slow until its code is compiled.
                    rounds.run(THROUGHPUT[section][0])
                    measured = rounds.measure(_cases(section, options.broker), extent.rounds)
                    found = Section(machine=machine, measured=measured)
            except SystemExit as reason:  # one program that cannot run must not cost the other sections
                print(f"{section} was not measured: {reason}", flush=True)
                failed.append(section)
                continue
            results = load_results(kept_as)
            results.sections[section] = found
            save_results(kept_as, results)
    performance_page.write()
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
