"""The overview's row on `ratecast sink postgres`. It is empty where there is no sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import SINK_LATE
from monitoring.grafana.panels import about, bars, lines, query, third, with_lines_at
from monitoring.grafana.promql import CLUSTER, SINK, increase, rate, select

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row

_NO_SINK = "No data: there is no sink."


def sink() -> Row:
    """Returns what is written, how far the sink is behind, and failures of the database."""
    return [
        third(
            lines(
                "Rows written by table",
                about(
                    "Rows that the sink has written and committed, per second. " + _NO_SINK,
                    "As many predictions and dead letters as the workers publish.",
                    "None while the workers publish: see the other two panels and the sink's /ready page.",
                ),
                "cps",
                query(rate("sink_rows_total", SINK, by="table"), "{{table}}"),
            )
        ),
        with_lines_at(
            third(
                lines(
                    "Lag of the sink",
                    about(
                        "Age of the oldest message that is not in the database, by topic.",
                        f"Under a second. An alert fires after ten minutes above the dashed line, {SINK_LATE:g} s.",
                        "The database is slow or a step of it hangs. A line that ends: the sink is down or has no database.",
                    ),
                    "s",
                    query(
                        f"max by (topic) ({select('ratecast:sink_lag_seconds:max_30s', CLUSTER)})",
                        "{{topic}}",
                    ),
                )
            ),
            ("red", SINK_LATE),
        ),
        bars(
            "Failures of the sink's database",
            about(
                "Times that the database failed or could not be reached.",
                "None, and a few when the database restarts. An alert fires if failures repeat for five minutes.",
                "The sink's log and its /ready page give the reason.",
            ),
            "short",
            query(increase("sink_database_failures_total", SINK), "failures"),
        ).span(8),
    ]
