"""The overview dashboard: traffic, latency, drift, lag and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.firing_panels import active_alerts
from monitoring.grafana.frame import OVERVIEW_UID, board
from monitoring.grafana.lag_row import lag
from monitoring.grafana.latency_row import latency
from monitoring.grafana.live_feed_row import live_feed
from monitoring.grafana.message_drift_row import drift
from monitoring.grafana.now_row import flow, state
from monitoring.grafana.sink_row import sink
from monitoring.grafana.traffic_row import traffic
from monitoring.grafana.workers_row import workers

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard


def dashboard() -> Dashboard:
    """Returns the dashboard `ratecast-overview`."""
    return board(
        OVERVIEW_UID,
        "ratecast: overview",
        "Traffic, latency, lag, drift and health of all workers.",
        [
            ("Now", [*flow(), *state(), active_alerts()]),
            ("Traffic", traffic()),
            ("Latency", latency()),
            ("Lag", lag()),
            ("Drift", drift()),
            ("Workers", workers()),
            ("Sink", sink()),
            ("Feed", live_feed()),
        ],
        partitions=True,
    )
