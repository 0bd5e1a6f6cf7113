"""The overview's row on lag, unreadable records and lost records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import BEHIND, LATE, TOO_LATE
from monitoring.grafana.panels import about, by_worker, lines, query, third, with_lines_at
from monitoring.grafana.promql import LAG, LAG_SECONDS, PARTITION, select

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row


def lag() -> Row:
    """Returns a line on lag, and a line on records that cannot be read or were deleted."""
    return [*_behind(), *_unreadable()]


def _behind() -> Row:
    return [
        with_lines_at(
            lines(
                "Record lag by partition",
                about(
                    "Records between the committed position and the end of each partition, including held-back records. The "
                    "owner of the partition reports it. Without an owner the brokers do (kminion).",
                    f"Near 0. Growing lag above the dashed line, {BEHIND:,.0f}, fires an alert.",
                    "All lines rise: add workers. One line rises: that partition is blocked or held back. A line ends: no "
                    "worker reads the partition and kminion is down.",
                ),
                "short",
                query(LAG, "{{topic}} {{partition}}"),
            ).min(0),
            ("yellow", BEHIND),
        ),
        with_lines_at(
            lines(
                "Time lag by partition",
                about(
                    "Age of the oldest uncommitted record, as the owner of the partition reports it. 0 when there is none.",
                    f"Under a second. The dashed lines are at {LATE / 60:g} min (warning) and {TOO_LATE / 60:g} min "
                    "(critical).",
                    "Add workers if the lag grows. A line that ends was revoked and continues when a worker takes over the "
                    "partition.",
                ),
                "s",
                query(f"max by (topic, partition) ({LAG_SECONDS})", "{{topic}} {{partition}}"),
            ).min(0),
            ("yellow", LATE),
            ("red", TOO_LATE),
        ),
    ]


def _unreadable() -> Row:
    return [
        with_lines_at(
            third(
                lines(
                    "Records held back by partition",
                    about(
                        "Records that cannot be read yet, because a publisher's transaction is open.",
                        "0. With transactional publishers the number rises and falls. From the dashed line, 1, an alert "
                        "fires when it lasts five minutes and nothing is read meanwhile.",
                        "Let the publisher commit or abort. `ratecast verify` shows where the transaction begins.",
                    ),
                    "short",
                    query(
                        f"max by (topic, partition) ({select('consumer_records_held_back', PARTITION)})",
                        "{{topic}} {{partition}}",
                    ),
                )
            ),
            ("yellow", 1),
        ),
        by_worker(
            "Blocked partitions by worker",
            about(
                "Partitions that are stopped at a batch that cannot be read.",
                "0. An alert fires after two minutes at the dashed line, 1.",
                "The worker's /ready page names the partition and the reason.",
            ),
            "short",
            select("blocked_partitions"),
            ("red", 1),
        ),
        by_worker(
            "Records lost to retention",
            about(
                "Records that retention deleted before they were scored, counted over an hour by the worker that "
                "found the loss.",
                "0. An alert fires from the dashed line, 1.",
                "Give the topic a longer retention at once, then add workers.",
            ),
            "short",
            select("ratecast:records_lost_to_retention:increase_1h"),
            ("red", 1),
        ),
    ]
