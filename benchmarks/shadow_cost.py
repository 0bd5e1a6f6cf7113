"""Measures what a shadow model costs: processor time of scoring a batch once more and of comparing the two models.

The steps run alternately in one process on the same messages of real rates, and only the time of this thread counts, so
other programs on the machine hardly matter. The shadow model is the current one under another name: both do the same work.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
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

BATCHES = (1, 10, 100, 1000)
MESSAGES = 20_000
LONE_MESSAGES = 2_000  # of batches of one


def renamed(bundle: Bundle) -> Bundle:
    """Returns the same model under another version."""
    version = f"{bundle.version}.shadow"
    stats = bundle.stats.model_copy(update={"model_version": version})
    return bundle.model_copy(update={"version": version, "stats": stats})


def measure(bundle: Bundle, records: Sequence[Record], size: int) -> dict[str, float]:
    """Returns microseconds of processor time per message of each step."""
    metrics = WorkerMetrics(CollectorRegistry(), list)
    metrics.model_loaded(bundle.stats)
    champion, shadow = (Scorer(found, 1_000_000) for found in (bundle, renamed(bundle)))
    metrics.shadow.shadow_loaded(shadow.bundle.stats)
    times = StepTimes(time.thread_time, len(records))
    for start in range(0, len(records), size):
        batch, now = records[start : start + size], dt.datetime.now(dt.UTC)
        times.start()
        scored = champion.score(batch, now)
        times.ended("champion")
        again = shadow.score(scored.records, now)
        times.ended("shadow")
        metrics.shadow.add(scored.observations, again.observations)
        times.ended("comparison")
    return times.microseconds


def main() -> None:
    bundle = current_bundle()
    records = replayed_records(bundle, MESSAGES)
    table = Table("messages per batch", "scoring us", "with the shadow us", "comparing us", "ratio")
    for size in BATCHES:
        cost = measure(bundle, records[:LONE_MESSAGES] if size == 1 else records, size)
        figures = cost["champion"], cost["shadow"], cost["comparison"]
        table.add_row(
            f"{size:,}", *(f"{figure:.2f}" for figure in figures), f"{sum(figures) / figures[0]:.2f}"
        )
    console = Console()
    console.print(
        f"{len(records):,} messages of 61 rates, {len(bundle.stats.pairs)} pairs; processor time per message"
    )
    console.print(table)


if __name__ == "__main__":
    main()
