"""Shows where the processor time of a message goes: a flame graph of a worker under full load, and its top ten as text.

py-spy reads the stacks of the running worker from outside, 200 times a second, so the worker is the one that users run. It
names Python functions; the time of a C extension counts for the function that called it. Waiting does not count.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import bench_topics
from benchmarks.bench_broker import bench_broker
from benchmarks.environments import python_of
from benchmarks.machine import this_machine
from benchmarks.performance_page import PAGE, between
from benchmarks.programs import ROOT, WORKER, Place, running
from benchmarks.results import HOME, Case
from benchmarks.rounds import Rounds
from benchmarks.tables import markdown
from ratecast.errors import RatecastError
from ratecast.model.bundle import load
from ratecast.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PARTITIONS = 4
SAMPLES_A_SECOND = 200
TOP = 10
OWN = ("ratecast", "consumer", "monitoring")
# A thread of a pool that waits for work. py-spy takes it for busy, because no system call of Python's own is in its stack.
WAITING = "_worker (concurrent/futures/thread.py"


def self_samples(stacks: Iterable[str]) -> Counter[str]:
    """Returns how many samples ended in each function, from lines ``outer;inner;innermost count``.

    >>> self_samples(["main (a.py);score (b.py) 3", "main (a.py) 1", "run (c.py);score (b.py) 2"])
    Counter({'score (b.py)': 5, 'main (a.py)': 1})
    """
    samples: Counter[str] = Counter()
    for stack in stacks:
        frames, _, count = stack.rpartition(" ")
        innermost = frames.rpartition(";")[2]
        if not innermost.startswith(WAITING):
            samples[innermost] += int(count)
    return samples


def part_samples(functions: Mapping[str, int]) -> Counter[str]:
    """Returns samples by part: a file of ratecast, or a library.

    >>> part_samples({"a (ratecast/model/x.py:3)": 2, "b (ratecast/model/x.py:9)": 1, "c (aiokafka/cluster.py:1)": 4})
    Counter({'aiokafka': 4, 'ratecast/model/x.py': 3})
    """
    parts: Counter[str] = Counter()
    for function, count in functions.items():
        file = function.rpartition("(")[2].rpartition(":")[0] or function
        library = file.partition("/")[0]
        parts[file if library in OWN else library] += count
    return parts


def top_table(what: str, samples: Counter[str], cpu_us: float) -> str:
    """Returns the functions or parts with most samples, with their share and their microseconds of a message.

    Args:
        what: function or part.
        samples: its name -> samples that ended in it.
        cpu_us: processor time of a message in microseconds.
    """
    total = samples.total()
    rows = [
        [f"`{_short(name)}`", f"{100 * count / total:.1f} %", f"{cpu_us * count / total:.1f}"]
        for name, count in samples.most_common(TOP)
    ]
    rest = total - sum(count for _, count in samples.most_common(TOP))
    rows.append(["everything else", f"{100 * rest / total:.1f} %", f"{cpu_us * rest / total:.1f}"])
    return markdown([what, "share", "us a message"], rows)


def _short(frame: str) -> str:
    """Returns a frame without the directories that only this machine has."""
    for cut in (f"{ROOT}/", "site-packages/"):
        before, found, after = frame.partition(cut)
        if found:
            frame = before.rpartition("(")[0] + "(" + after
    return frame


def record(pid: int, form: str, target: Path, seconds: int) -> None:
    """Records the stacks of a process with py-spy.

    Raises:
        SystemExit: py-spy may not read the process; its message says what it needs.
    """
    command = [str(python_of("profiler").with_name("py-spy")), "record", "--pid", str(pid), "--function"]
    settings = ["--format", form, "--rate", str(SAMPLES_A_SECOND), "--duration", str(seconds)]
    done = subprocess.run(
        [*command, *settings, "--output", str(target)], capture_output=True, text=True, check=False
    )
    if not target.exists():
        raise SystemExit(done.stderr.strip() or done.stdout.strip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="embedded", help="embedded, kafka, or host:port")
    parser.add_argument("--messages", type=int, default=200_000, help="messages in the topic")
    parser.add_argument("--seconds", type=int, default=6, help="of each of the two recordings")
    options = parser.parse_args()
    models_dir = load_settings().models_dir.resolve()
    try:
        pairs = list(load(models_dir).stats.pairs)[:8]
    except RatecastError as error:
        parser.error(f"{error}. `ratecast train` makes a model.")
    HOME.mkdir(parents=True, exist_ok=True)
    with bench_broker(options.broker) as broker, tempfile.TemporaryDirectory() as scratch:
        machine = this_machine(broker.name)
        rounds = Rounds(broker, models_dir, pairs, options.messages, seconds=options.seconds)
        case = Case(program=WORKER, partitions=PARTITIONS)
        cpu_us = rounds.run(case).cpu_us
        target = bench_topics.new_topic(broker.bootstrap_servers, PARTITIONS)
        place = Place(broker.bootstrap_servers, rounds.topic(case), target, models_dir)
        consumer = bench_topics.reader(broker.bootstrap_servers, target, PARTITIONS)
        with running(WORKER, place) as program:
            while not consumer.consume(1, 1.0):
                program.check_alive()
            consumer.close()
            pid = program.processes[0].pid
            raw = Path(scratch) / "stacks.txt"
            record(pid, "raw", raw, options.seconds)
            record(pid, "flamegraph", HOME / "flame.svg", options.seconds)
        functions = self_samples(raw.read_text().splitlines())
    by_function = top_table("function", functions, cpu_us)
    by_part = top_table("part", part_samples(functions), cpu_us)
    text = f"{by_function}\n\n{by_part}\n\n*Of {cpu_us:.1f} us a message. {machine.sentence()}.*"
    print(text)
    PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "profile", text), encoding="utf-8")
    retitle(HOME / "flame.svg")


def retitle(graph: Path) -> None:
    """Takes this machine's directories out of a flame graph: py-spy's title is its own command."""
    text = graph.read_text(encoding="utf-8").replace(f"{ROOT}/", "")
    title = "Processor time of a worker under full load"
    graph.write_text(re.sub(r'(id="title"[^>]*>)[^<]*', rf"\1{title}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
