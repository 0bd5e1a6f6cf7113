"""The overview's panels on alerts that fire: how many, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.panels import about, single
from monitoring.grafana.promql import FIRING, SENT
from monitoring.grafana.runbooks import url
from monitoring.grafana.table_panels import ascending, colour_words, link_cells, rows

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.stat import Panel as Tile
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel


def alerts_firing() -> Tile:
    """Returns the number of alerts that fire, for the first place of the overview."""
    return single(
        "Alerts firing",
        about(
            "Warning and critical alerts of the selected pairs and workers that fire now.",
            "0.",
            "The table below lists them, together with alerts for information.",
        ),
        "short",
        f"count({SENT}) or vector(0)",
        ("green", None),
        ("red", 1),
    )


def active_alerts() -> Builder[Panel]:
    """Returns the table of firing alerts, each linked to its runbook."""
    columns = ("alertname", "severity", "pair", "topic", "partition", "instance")
    table = rows(
        "Active alerts",
        about(
            "Every alert that fires now and what it is about, critical ones first.",
            "The table is empty.",
            "Click the name of an alert to open its runbook: what it means, why it matters, what to check, what to do.",
        ),
        "short",
        f"max by ({', '.join(columns)}) ({FIRING})",
        columns,
    )
    table = link_cells(table, "alertname", "Runbook ${__value.text}", url("${__value.text}"))
    table = colour_words(table, "severity", {"critical": "red", "warning": "orange", "info": "blue"})
    return table.sort_by([ascending("severity")]).no_value("no alert fires").height(6)
