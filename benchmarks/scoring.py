"""Measures what scoring alone costs per message, in batches of 1,000 and one by one, beside another checkout.

``--against DIR`` names a directory with another version of the source. Each version scores the same real rates with a
model of its own in a process of its own. The processes take turns, so that both see the same machine, and the figures are
medians over the rounds. Times are processor time: on a busy machine it varies less than the time on the clock.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratecast.contract.record import Record
    from ratecast.scoring.scorer import Scorer

HERE = Path(__file__).resolve()
BATCH = 1000
BATCHES = 10
LONE = 50  # of each batch
NOW = dt.datetime(2026, 10, 30, 15, tzinfo=dt.UTC)
SIZES = {"batches of 1,000": BATCH, "one by one": 1}


class Scoring:
    """One version of the source in a process of its own; it measures a round when it is asked to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def of(cls, source: Path, models: Path) -> Iterator[Scoring]:
        """Starts a version and ends it afterwards; its first answer says that it is warm."""
        environment = {**os.environ, "PYTHONPATH": str(source), "OPENBLAS_NUM_THREADS": "1"}
        with subprocess.Popen(
            [sys.executable, str(HERE), "--models", str(models), "--turns"],
            env=environment,
            cwd=source,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            scoring = cls(process)
            if not scoring._answer():
                raise SystemExit(f"{source} cannot score with the model in {models}")
            try:
                yield scoring
            finally:
                process.terminate()

    def round(self) -> dict[str, float]:
        """Measures once; returns microseconds per message by the keys of ``SIZES``."""
        print("round", file=self._process.stdin, flush=True)
        found: dict[str, float] = json.loads(self._answer())
        return found

    def _answer(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""


def take_turns(models: Path) -> None:
    """Measures a round for every line on standard input. Runs with the source that is first on PYTHONPATH."""
    from ratecast.model.bundle import load
    from ratecast.scoring.scorer import Scorer

    scorer = Scorer(load(models), 1_000_000)
    records = records_of(list(scorer.bundle.stats.pairs))
    for size in SIZES.values():
        measure(scorer, records, size)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps({name: measure(scorer, records, size) for name, size in SIZES.items()}), flush=True)


def records_of(pairs: Sequence[str]) -> list[Record]:
    """Returns messages of 61 rates of the newest days."""
    from aiokafka import ConsumerRecord

    from producer.plan import histories
    from ratecast.rates.tables import load_ecb

    plan = histories.plan(load_ecb(), pairs)
    first = len(plan) - BATCH * BATCHES
    return [
        ConsumerRecord("rates", 0, offset, 0, 1, message.key, message.value, None, 7, 1000, ())
        for offset, message in enumerate(plan.messages(first, len(plan)))
    ]


def measure(scorer: Scorer, records: Sequence[Record], size: int) -> float:
    """Returns microseconds of processor time per message, of the quickest of some runs: a busy machine only adds time."""
    took = []
    for start in range(0, len(records), BATCH):
        run = records[start : start + (BATCH if size > 1 else LONE)]
        began = time.process_time()
        for first in range(0, len(run), size):
            scorer.score(run[first : first + size], NOW)
        took.append((time.process_time() - began) / len(run))
    return 1e6 * min(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"), help="models of this source")
    parser.add_argument("--against", type=Path, metavar="DIR", help="another source to compare with")
    parser.add_argument(
        "--against-models", type=Path, help="models of the other source (default: DIR/models)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each source (default: %(default)s)")
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns:
        take_turns(options.models)
        return
    sources = {"this source": (HERE.parents[1], options.models.resolve())}
    if options.against is not None:
        other = options.against.resolve()
        sources["the other"] = (other, (options.against_models or other / "models").resolve())
    with ExitStack() as stack:
        running = {name: stack.enter_context(Scoring.of(*where)) for name, where in sources.items()}
        rounds = [{name: scoring.round() for name, scoring in running.items()} for _ in range(options.rounds)]
    print(f"microseconds of processor time per message of 61 rates; medians of {options.rounds} rounds")
    for size in SIZES:
        medians = {name: statistics.median(found[name][size] for found in rounds) for name in running}
        text = ", ".join(f"{name} {us:.2f}" for name, us in medians.items())
        if len(medians) > 1:
            new, old = medians.values()
            text += f": {new - old:+.2f}, ratio {new / old:.3f}"
        print(f"{size}: {text}")


if __name__ == "__main__":
    main()
