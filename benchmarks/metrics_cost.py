"""Measures what a worker's metrics cost: the time of all metrics calls for a batch, and of scoring the batch.

On a busy machine two runs of a worker differ by more than the cost of its metrics. Here both are measured alternately
in one process on the same messages of real rates. Publishing is left out, so the shares are upper bounds.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console
from rich.table import Table

from benchmarks.replayed_records import replayed_records
from benchmarks.step_times import StepTimes, current_bundle
from monitoring.metrics import WorkerMetrics
from ratecast.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.contract.record import Record
    from ratecast.model.bundle import Bundle

BATCHES = (10, 100, 1000)
MESSAGES = 20_000


def measure(bundle: Bundle, records: Sequence[Record], size: int) -> dict[str, float]:
    """Returns microseconds per message of each step, and milliseconds of a scrape."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, list)
    metrics.model_loaded(bundle.stats)
    scorer = Scorer(bundle, 1_000_000)
    times = StepTimes(time.perf_counter, len(records))
    for start in range(0, len(records), size):
        batch = records[start : start + size]
        times.start()
        scored = scorer.score(batch, dt.datetime.now(dt.UTC))
        times.ended("scoring")
        metrics.polled("rates", 0, len(batch))
        timestamps_ms = [record.timestamp for record in batch]
        metrics.committed(("rates", 0), scored, 0.01, timestamps_ms)
        times.ended("metrics")
    began = time.perf_counter()
    generate_latest(registry)
    return {**times.microseconds, "scrape": 1e3 * (time.perf_counter() - began)}


def main() -> None:
    bundle = current_bundle()
    records = replayed_records(bundle, MESSAGES)
    table = Table("messages per batch", "scoring us", "metrics us", "metrics' share", "scrape ms")
    for size in BATCHES:
        cost = measure(bundle, records, size)
        metrics = cost["metrics"]
        figures = cost["scoring"], metrics
        share = f"{100 * metrics / (metrics + cost['scoring']):.1f} %"
        table.add_row(f"{size:,}", *(f"{figure:.2f}" for figure in figures), share, f"{cost['scrape']:.1f}")
    console = Console()
    console.print(
        f"{len(records):,} messages of 61 rates, {len(bundle.stats.pairs)} pairs; times per message"
    )
    console.print(table)


if __name__ == "__main__":
    main()
