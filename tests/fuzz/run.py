"""A fuzz run: hostile batches through the real scorer and the real metrics, held to every promise, counted."""

from __future__ import annotations

import datetime as dt
import itertools
import resource
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest

from monitoring.metrics import WorkerMetrics
from ratecast.model.bundle import Bundle
from ratecast.optional_fields import HORIZONS, QUANTILES, OptionalFields
from ratecast.scoring.scorer import Scorer
from tests.bundles import centre_on_noise, forest_on_noise, training_stats
from tests.fuzz.inputs import exhaustive_batches, random_batches
from tests.fuzz.promises import hold, quoted
from tests.fuzz.values import MAX_BYTES
from tests.fuzz.vocabulary import VALID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ratecast.scoring.scored_batch import ScoredBatch
    from tests.fakes import FakeRecord

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
WARM_UP_INPUTS = 5_000  # caches fill and pools grow until then
_SCRAPE_EVERY = 200  # batches

KindsAndRecords = "list[tuple[str, FakeRecord]]"  # a batch


@dataclass(frozen=True)
class Slow:
    """A batch and how long its scoring took."""

    seconds: float
    batch: int
    inputs: int
    bytes: int
    kinds: str


@dataclass
class FuzzReport:
    """What became of the inputs."""

    inputs: int = 0
    batches: int = 0
    seconds: float = 0.0
    scoring_seconds: float = 0.0
    warm_mib: float = 0.0
    end_mib: float = 0.0
    peak_mib: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)  # "prediction" or the code of the dead letter
    by_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: list[Slow] = field(default_factory=list)  # the slowest few, slowest first
    failures: list[str] = field(default_factory=list)


class Fuzzer:
    """Feeds batches to a scorer of the tests' bundle.

    Args:
        schema_every: validate each so many-th prediction with the JSON Schema.
        max_failures: stop after so many broken promises.
    """

    def __init__(self, schema_every: int, max_failures: int = 20) -> None:
        stats = training_stats(shrinkage=0.5)
        bundle = Bundle(
            version=stats.model_version,
            directory=Path(),
            stats=stats,
            digests={},
            onnx=forest_on_noise()[0],
            centre=centre_on_noise()[0],
        )
        self._scorer = Scorer(bundle, MAX_BYTES, optional=OptionalFields(HORIZONS, QUANTILES))
        self._registry = CollectorRegistry()
        self._metrics = WorkerMetrics(self._registry, list)
        self._metrics.model_loaded(stats)
        self._schema_every = schema_every
        self._max_failures = max_failures
        self.report = FuzzReport()

    def run(self, batches: Iterator[KindsAndRecords], inputs: int, progress: Callable[[int], None]) -> None:
        """Feed so many inputs, or fewer if the batches end before."""
        started, end = time.perf_counter(), self.report.inputs + inputs
        try:
            with warnings.catch_warnings():
                # numpy warns where a result leaves the float64s: each would be a line in a worker's log.
                warnings.simplefilter("error")
                for batch in batches:
                    left = end - self.report.inputs
                    self._feed(batch[:left])
                    progress(self.report.inputs)
                    if left <= len(batch) or len(self.report.failures) >= self._max_failures:
                        break
        finally:  # also when it is interrupted
            self.report.seconds += time.perf_counter() - started
            self.report.end_mib, self.report.peak_mib = resident_mib(), peak_mib()

    def _feed(self, batch: Sequence[tuple[str, FakeRecord]]) -> None:
        report, records = self.report, [record for _, record in batch]
        started = time.perf_counter()
        try:
            scored = self._scorer.score(records, NOW)
            took = time.perf_counter() - started
            hold(records, scored, self._schema_every)
            self._count_as_a_worker(scored, records, took)
        except Exception as error:  # noqa: BLE001 - what must not happen is what is looked for
            report.failures.append(f"batch {report.batches}: {error!r:.3000}\n{self._culprit(batch)}")
        else:
            self._count(batch, scored, took)
        report.batches += 1
        if report.inputs < WARM_UP_INPUTS <= report.inputs + len(records):
            report.warm_mib = resident_mib()
        report.inputs += len(records)

    def _count(self, batch: Sequence[tuple[str, FakeRecord]], scored: ScoredBatch, took: float) -> None:
        report = self.report
        outcomes = dict.fromkeys((record.offset for record in scored.records), "prediction")
        outcomes |= {letter.record.offset: letter.code.value for letter in scored.dead_letters}
        report.outcomes.update(outcomes.values())
        report.by_kind.update((kind, outcomes[record.offset]) for kind, record in batch)
        report.scoring_seconds += took
        if len(report.slowest) < 5 or took > report.slowest[-1].seconds:
            size = sum(len(record.value or b"") for _, record in batch)
            kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(kind for kind, _ in batch).most_common(3))
            report.slowest.append(Slow(took, report.batches, len(batch), size, kinds))
            report.slowest = sorted(report.slowest, key=lambda slow: -slow.seconds)[:5]

    def _count_as_a_worker(self, batch: ScoredBatch, records: Sequence[FakeRecord], took: float) -> None:
        """What a worker does after a commit must not fail either: nobody would score the batch again."""
        metrics = self._metrics
        metrics.committed(("rate-histories", 0), batch, took, [record.timestamp for record in records])
        if self.report.batches % _SCRAPE_EVERY == 0:
            generate_latest(self._registry)

    def _culprit(self, batch: Sequence[tuple[str, FakeRecord]]) -> str:
        """The first input of a failed batch that fails alone."""
        for kind, record in batch:
            try:
                hold([record], self._scorer.score([record], NOW), 1)
            except Exception as error:  # noqa: BLE001 - see above
                return f"  {kind}: {quoted(record.value)}: {error!r:.500}"
        return "  no input fails alone"


def all_batches(seed: int, inputs: int) -> Iterator[KindsAndRecords]:
    """A short run takes one message through every bad byte, a long one all of them; the rest is drawn."""
    messages = VALID if inputs >= 500_000 else VALID[:1]
    return itertools.chain(exhaustive_batches(messages), random_batches(seed))


def resident_mib() -> float:
    """Memory of this process now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_mib()
    return pages * resource.getpagesize() / 2**20


def peak_mib() -> float:
    """The highest it ever was."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
