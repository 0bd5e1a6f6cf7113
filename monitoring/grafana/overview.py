"""The overview: is it working, how fast, how far behind, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.flow import latency, traffic
from monitoring.grafana.frame import OVERVIEW_UID, board
from monitoring.grafana.health import drift, lag, workers
from monitoring.grafana.limits import (
    DRIFTED,
    DRIFTING,
    LATE,
    SLOW,
    SLOW_TO_COMMIT,
    TOO_LATE,
    TOO_SLOW,
    TOO_SLOW_TO_COMMIT,
)
from monitoring.grafana.panels import now, query, rows, single
from monitoring.grafana.promql import FIRING, PAIR, PARTITION, quantile, rate, select, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

SCORED = "prediction_requests_total"
DRIFTED_MESSAGES = "data_drift_requests_total"
_SHARE_OF_FIVE_MINUTES = " / ".join(
    f"sum(increase({select(counter, PAIR)}[5m]))" for counter in (DRIFTED_MESSAGES, SCORED)
)


def dashboard() -> Dashboard:
    """`ratecast-overview`."""
    return board(
        OVERVIEW_UID,
        "ratecast: overview",
        "Traffic, latency, lag, drift and health of all workers.",
        [
            ("Now", [*_now(), *_totals(), _active_alerts()]),
            ("Traffic", traffic()),
            ("Latency", latency()),
            ("Drift", drift()),
            ("Lag", lag()),
            ("Workers", workers()),
        ],
        partitions=True,
    )


def _now() -> Sequence[Builder[Panel]]:
    return [
        single(
            "Prediction rate",
            "Messages scored a second, all selected workers and pairs. Normal: what comes in; compare it with "
            "the lag, which grows when more comes in than is scored.",
            "mps",
            query(rate(SCORED, PAIR)),
        ),
        single(
            "Scoring latency, p95",
            "95 of 100 records were scored and encoded within this time of being handed over by the client. "
            "Normal: under 0.1 s, as records of one poll are scored together. Yellow from 0.25 s, red from "
            "0.5 s.",
            "s",
            query(quantile(0.95, "inference_latency_seconds")),
            ("green", None),
            ("yellow", SLOW),
            ("red", TOO_SLOW),
        ),
        single(
            "End-to-end latency, p95",
            "95 of 100 records had their outcome committed within this time of the broker's timestamp. Normal: "
            "under 0.25 s when workers keep up; in a backlog it is the age of the backlog, and 5 s is the last "
            "bucket, so more shows as 5 s. Yellow from 0.5 s, red from 1 s.",
            "s",
            query(quantile(0.95, "message_latency_seconds")),
            ("green", None),
            ("yellow", SLOW_TO_COMMIT),
            ("red", TOO_SLOW_TO_COMMIT),
        ),
        single(
            "Drift ratio",
            "Share of the last five minutes' messages with a feature outside what training saw of its pair. "
            "Normal: under 15 %, more with a model that was trained long ago. Yellow from 15 %, red from 30 %.",
            "percentunit",
            query(_SHARE_OF_FIVE_MINUTES),
            ("green", None),
            ("yellow", DRIFTING),
            ("red", DRIFTED),
        ),
        single(
            "Lag",
            "Records of the selected partitions that wait to be scored and committed. Normal: near 0, or "
            "falling after an outage or at the beginning of a replay.",
            "short",
            query(f"sum({select('consumer_lag_records', PARTITION)})"),
        ),
        single(
            "Lag in time",
            "Age of the oldest record polled but not yet committed, in the partition that is furthest behind. "
            "Normal: under a second. Yellow from a minute, red from ten.",
            "s",
            query(f"max({select('consumer_lag_seconds', PARTITION)})"),
            ("green", None),
            ("yellow", LATE),
            ("red", TOO_LATE),
        ),
    ]


def _totals() -> Sequence[Builder[Panel]]:
    return [
        single(
            "Predictions",
            "Messages scored in the time shown, restarts of workers included. Normal: whatever was sent.",
            "short",
            now(total(SCORED, PAIR)),
        ),
        single(
            "Dead letters",
            "Records of the time shown that could not be scored; they are on the dead-letter topic with the "
            "reason. Normal: 0. `ratecast dead-letters list` shows them.",
            "short",
            now(total("dead_letters_total")),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Drifted messages",
            "Messages of the time shown with a feature outside what training saw of its pair. Normal: a few of "
            "100; the ratio says more than the number.",
            "short",
            now(total(DRIFTED_MESSAGES, PAIR)),
        ),
        single(
            "Workers",
            "Workers that Prometheus can scrape. Normal: as many as were started. A worker that is alive but "
            "cannot be scraped is not counted.",
            "short",
            query(f"count({select('assigned_partitions')}) or vector(0)"),
            ("red", None),
            ("green", 1),
        ),
        single(
            "Partitions assigned",
            "Partitions that the selected workers own together. Normal: as many as the input topic has; fewer "
            "means that records wait and nobody scores them.",
            "short",
            query(f"sum({select('assigned_partitions')})"),
            ("red", None),
            ("green", 1),
        ),
        single(
            "Alerts firing",
            "Alerts of the selected pairs and workers that fire now; the table below names them. Normal: 0.",
            "short",
            query(f"count({FIRING}) or vector(0)"),
            ("green", None),
            ("red", 1),
        ),
    ]


def _active_alerts() -> Builder[Panel]:
    columns = ("alertname", "severity", "pair", "partition", "instance")
    table = rows(
        "Active alerts",
        "Every alert that fires now, with what it is about. Normal: none, and the table is empty. The runbook "
        "of each is in docs/runbooks/, named after the alert.",
        "short",
        f"max by ({', '.join(columns)}) ({FIRING})",
        columns,
    )
    return table.no_value("no alert fires").height(6)
