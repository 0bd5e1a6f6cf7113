"""The overview's panels on drift, lag and the workers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import BEHIND, DRIFTED, DRIFTING, LATE, TOO_LATE
from monitoring.grafana.panels import bars, lines, query, with_lines_at
from monitoring.grafana.promql import LAG, LAG_SECONDS, OF_WORKERS, PAIR, PARTITION, increase, rate, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel


def drift() -> Sequence[Builder[Panel]]:
    """Share of messages outside what training saw."""
    share = f"{rate('data_drift_requests_total', PAIR)} / {rate('prediction_requests_total', PAIR)}"
    by_pair = f"{rate('data_drift_requests_total', PAIR, by='pair')} / {rate('prediction_requests_total', PAIR, by='pair')}"
    limits = (("yellow", DRIFTING), ("red", DRIFTED))
    return [
        with_lines_at(
            lines(
                "Drift ratio over time",
                "Share of messages with a feature outside what training saw: of the selected pairs at each "
                "moment; of the last five minutes in each worker and of a day in all, whatever the pairs. Normal: under "
                f"{DRIFTING:.0%}, the lower dashed line; over the upper, {DRIFTED:.0%}, it is an alert. "
                "Workers differ as they own different pairs.",
                "percentunit",
                query(share, "selected pairs"),
                query(select("data_drift_ratio"), "five minutes, {{instance}}"),
                query("ratecast:data_drift:ratio_25h", "a day, all workers"),
            ).min(0),
            *limits,
        ),
        with_lines_at(
            lines(
                "Drift ratio by pair",
                "The same share pair by pair. Normal: near 0 for most; one pair at 100 % has left the level "
                "that training saw and will stay there until the model is trained anew.",
                "percentunit",
                query(by_pair, "{{pair}}"),
            ).min(0),
            *limits,
        ),
    ]


def lag() -> Sequence[Builder[Panel]]:
    """In records and in seconds; then what cannot be read, and what is gone."""
    return [
        with_lines_at(
            lines(
                "Lag by partition",
                "Records between the end of each partition and its committed position, by its owner's word, or "
                "where it has no owner by the brokers' (kminion); held-back records are included. Normal: near 0. A line that rises alone is one "
                "partition that stands still; a line that ends is a partition that nobody reads while kminion is "
                f"down. From the dashed line, {BEHIND:,.0f}, lag that grows is an alert.",
                "short",
                query(LAG, "{{topic}} {{partition}}"),
            ).min(0),
            ("yellow", BEHIND),
        ),
        with_lines_at(
            lines(
                "Lag in time by partition",
                "Age of the oldest record not yet committed, by the owner's word; 0 when there is none. Normal: "
                "under a second. A line that ends was revoked: it goes on when a worker takes the partition over. "
                f"The dashed lines are at {LATE / 60:g} and at {TOO_LATE / 60:g} minutes.",
                "s",
                query(
                    f"max by (topic, partition) ({LAG_SECONDS})",
                    "{{topic}} {{partition}}",
                ),
            ).min(0),
            ("yellow", LATE),
            ("red", TOO_LATE),
        ),
        with_lines_at(
            lines(
                "Records held back by partition",
                "Records that cannot be read yet because a transaction of their publisher is open. Normal: 0, or a "
                "number that comes and goes on a topic with transactional publishers. From the dashed line, 1, it is an "
                "alert when it lasts five minutes and nothing is read meanwhile.",
                "short",
                query(
                    f"max by (topic, partition) ({select('consumer_records_held_back', PARTITION)})",
                    "{{topic}} {{partition}}",
                ),
            )
            .min(0)
            .span(8),
            ("yellow", 1),
        ),
        with_lines_at(
            lines(
                "Blocked partitions by worker",
                "Partitions that stand still at a batch that cannot be read. Normal: 0. From the dashed line, 1, for two "
                "minutes it is an alert. /ready of the worker names the partition and the reason.",
                "short",
                query(select("blocked_partitions"), "{{instance}}"),
            )
            .min(0)
            .span(8),
            ("red", 1),
        ),
        with_lines_at(
            lines(
                "Records lost to retention",
                "Records that retention removed before they were scored, by the worker that found it, counted over an "
                "hour. Normal: 0. From the dashed line, 1, it is an alert.",
                "short",
                query(select("ratecast:records_lost_to_retention:increase_1h"), "{{instance}}"),
            )
            .min(0)
            .span(8),
            ("red", 1),
        ),
    ]


def workers() -> Sequence[Builder[Panel]]:
    """Partitions, rebalances, requests, memory, CPU, joins that are refused."""
    return [
        lines(
            "Assigned partitions by worker",
            "Partitions each worker owns. Normal: shared evenly and flat. A worker at 0 is spare: there are "
            "more workers than partitions.",
            "short",
            query(select("assigned_partitions"), "{{instance}}"),
        )
        .min(0)
        .span(8),
        bars(
            "Rebalances by worker",
            "Assignments that each worker received. Normal: one when a worker starts, stops or is lost. "
            "Repeated ones mean that workers leave and come back.",
            "short",
            query(increase("rebalances_total", by="instance"), "{{instance}}"),
        ).span(8),
        lines(
            "HTTP requests",
            "Requests to the workers' own /metrics, /health and /ready. Normal: status 200; 503 from /ready "
            "while a worker starts or has lost its broker. Other endpoints are somebody looking around.",
            "reqps",
            query(
                rate("http_requests_total", by="method, endpoint, status"),
                "{{method}} {{endpoint}} {{status}}",
            ),
        )
        .min(0)
        .span(8),
        lines(
            "Memory by worker",
            "Resident memory. Normal: flat after the first minutes; a line that only rises is a leak.",
            "bytes",
            query(select("process_resident_memory_bytes") + OF_WORKERS, "{{instance}}"),
        )
        .min(0)
        .span(8),
        with_lines_at(
            lines(
                "CPU by worker",
                "Cores in use. Normal: a fraction of one, near the dashed line at 1 in a backlog: a worker uses one "
                "core, and more workers, not more cores, catch up sooner.",
                "short",
                query(
                    f"rate({select('process_cpu_seconds_total')}[$__rate_interval]){OF_WORKERS}",
                    "{{instance}}",
                ),
            )
            .min(0)
            .span(8),
            ("yellow", 1.0),
        ),
        with_lines_at(
            lines(
                "Refused by the group",
                "1 while the consumer group does not let a worker in. Normal: 0. At the dashed line, 1, for a minute it is "
                "an alert. /ready of the worker gives the broker's error and the remedy.",
                "short",
                query(select("group_join_refused"), "{{instance}}"),
            )
            .min(0)
            .span(8),
            ("red", 1),
        ),
    ]
