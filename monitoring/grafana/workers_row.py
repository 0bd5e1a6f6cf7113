"""The overview's row on the workers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.panels import about, bars, by_worker, lines, query, third
from monitoring.grafana.promql import increase, rate, select

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row


def workers() -> Row:
    """Returns a line on the group, and a line on the processes."""
    return [*_group(), *_processes()]


def _group() -> Row:
    return [
        by_worker(
            "Assigned partitions by worker",
            about(
                "Partitions that each worker owns.",
                "Evenly shared and constant. A worker at 0 is a spare: there are more workers than partitions.",
                "If lines change often, see the rebalances. If all are 0, the group does not settle: see /ready.",
            ),
            "short",
            select("assigned_partitions"),
        ),
        bars(
            "Rebalances by worker",
            about(
                "Assignments that each worker received.",
                "One when a worker starts, stops or is lost.",
                "Repeated rebalances mean that workers leave and return. Look for restarts and for workers short of CPU.",
            ),
            "short",
            query(increase("rebalances_total", by="instance"), "{{instance}}"),
        ).span(8),
        by_worker(
            "Workers rejected by the group",
            about(
                "1 while the consumer group rejects a worker.",
                "0. An alert fires after a minute at the dashed line, 1.",
                "The worker's /ready page shows the broker's error and the remedy.",
            ),
            "short",
            select("group_join_refused"),
            ("red", 1),
        ),
    ]


def _processes() -> Row:
    return [
        by_worker(
            "Memory by worker",
            about(
                "Resident memory of each worker.",
                "Constant after the first minutes.",
                "A line that only rises is a leak: restart the worker and report it. Exit code 137 means that the memory "
                "limit was reached.",
            ),
            "bytes",
            select("process_resident_memory_bytes"),
        ),
        by_worker(
            "CPU by worker",
            about(
                "CPU cores in use. A worker uses at most about one.",
                "A fraction of a core, and near the dashed line at 1 during a backlog.",
                "Add workers to work off a backlog sooner. More cores for one worker do not help.",
            ),
            "short",
            f"rate({select('process_cpu_seconds_total')}[$__rate_interval])",
            ("yellow", 1.0),
        ),
        third(
            lines(
                "HTTP requests",
                about(
                    "Requests to the workers' /metrics, /health and /ready pages per second.",
                    "Status 200. /ready answers 503 while a worker starts or has lost its broker.",
                    "Requests to other endpoints come from an unknown client. Check who can reach the port.",
                ),
                "reqps",
                query(
                    rate("http_requests_total", by="method, endpoint, status"),
                    "{{method}} {{endpoint}} {{status}}",
                ),
            )
        ),
    ]
