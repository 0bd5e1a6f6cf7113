"""The result of a demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast_stack.demo.hindcast import Hindcast, hindcast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer.replay import ReplaySummary
    from ratecast.kafka.audit_result import Audit
    from ratecast.model.training_stats import TrainingStats
    from ratecast_stack.demo.observer import Observer

QUANTILES = (50, 95, 99)


@dataclass(frozen=True)
class Summary:
    """The result of a demo. Counts are from the topics, latencies from a reader of the predictions."""

    published: int
    scored: int
    dead_lettered: int
    lost: int
    duplicated: int
    pairs: int
    first_date: str
    last_date: str
    pace: str
    messages_per_second: float
    latency_ms: dict[str, float] | None
    hindcast: Hindcast | None
    model_version: str
    trained_until: str

    @property
    def exactly_once(self) -> bool:
        """Whether every input has exactly one outcome."""
        return self.lost == 0 and self.duplicated == 0

    @property
    def seen_in_training(self) -> bool:
        """Whether the model was trained on some of the rates. Its ranges then look better than they are."""
        return self.first_date <= self.trained_until


def summarise(
    counted: Audit, observer: Observer, published: ReplaySummary, stats: TrainingStats, pace: str
) -> Summary:
    """Combine the counts of the audit, the measurements of the observer and the summary of the replay."""
    in_order = (sorted(rows, key=lambda row: row.as_of or "") for rows in observer.rows.values())
    return Summary(
        published=counted.published,
        scored=counted.scored,
        dead_lettered=counted.dead_lettered,
        lost=len(counted.lost) + len(counted.pending),
        duplicated=len(counted.duplicated),
        pairs=published.pairs,
        first_date=published.first_day or "",
        last_date=published.last_day or "",
        pace=pace,
        messages_per_second=published.messages_per_second,
        latency_ms=percentiles(observer.latencies_ms),
        hindcast=hindcast(in_order),
        model_version=stats.model_version,
        trained_until=stats.trained_until,
    )


def percentiles(latencies_ms: Sequence[float]) -> dict[str, float] | None:
    """Returns p50, p95 and p99 in milliseconds, or None without data."""
    if not latencies_ms:
        return None
    values = np.percentile(np.asarray(latencies_ms), QUANTILES)
    return {f"p{q}": round(float(value), 1) for q, value in zip(QUANTILES, values, strict=True)}
