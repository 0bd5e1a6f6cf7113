"""The overview's row on how long a record takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import SLOW, SLOW_TO_COMMIT, TOO_SLOW, TOO_SLOW_TO_COMMIT
from monitoring.grafana.panels import about, distribution, lines, query, with_lines_at
from monitoring.grafana.promql import increase, quantile

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.timeseries import Panel as Lines

    from monitoring.grafana.panels import Row


def latency() -> Row:
    """Returns scoring beside end to end, as percentiles and as distributions."""
    return [
        _percentiles(
            "Scoring latency",
            about(
                "Time from the Kafka client's hand-over of a record until its prediction is encoded.",
                f"A p95 under 0.1 s. The dashed lines are at {SLOW:g} s and at {TOO_SLOW:g} s, the threshold of the alert.",
                "The worker lacks CPU or its batches are very large. Add workers, or lower RATECAST_MAX_POLL_RECORDS.",
            ),
            "inference_latency_seconds",
            (SLOW, TOO_SLOW),
        ),
        _percentiles(
            "End-to-end latency",
            about(
                "Time from the broker's timestamp until the transaction is committed: waiting, scoring and publishing. 5 s "
                "is the last bucket, so 5 s means 5 s or more.",
                f"Slightly above scoring. The dashed lines are at {SLOW_TO_COMMIT:g} s and at {TOO_SLOW_TO_COMMIT:g} s, "
                "the threshold of the alert.",
                "If there is lag, wait or add workers. Without lag the brokers are slow to commit.",
            ),
            "message_latency_seconds",
            (SLOW_TO_COMMIT, TOO_SLOW_TO_COMMIT),
        ),
        distribution(
            "Scoring latency distribution",
            about(
                "Number of records by scoring latency. Each column adds up to the records of its interval.",
                "One band under 0.1 s.",
                "A second, higher band is a group of slow records that percentiles hide. Compare it with the batch size and "
                "the CPU.",
            ),
            "s",
            increase("inference_latency_seconds_bucket", by="le"),
        ),
        distribution(
            "End-to-end latency distribution",
            about(
                "Number of records by the time from the broker's timestamp to the commit.",
                "One band.",
                "A rising band is a growing backlog. See the row Lag.",
            ),
            "s",
            increase("message_latency_seconds_bucket", by="le"),
        ),
    ]


def _percentiles(title: str, description: str, histogram: str, limits: tuple[float, float]) -> Lines:
    targets = [
        query(quantile(q, histogram), name) for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]
    panel = lines(title, description, "s", *targets).min(0)
    return with_lines_at(panel, ("yellow", limits[0]), ("red", limits[1]))
