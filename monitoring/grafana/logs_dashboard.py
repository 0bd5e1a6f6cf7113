"""The dashboard of logs, from the Loki of the compose profile `logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import logs, loki
from grafana_foundation_sdk.models.common import DataSourceRef, LogsDedupStrategy, LogsSortOrder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync
from grafana_foundation_sdk.models.loki import LokiQueryType

from monitoring.grafana.frame import (
    MODEL_UID,
    OVERVIEW_UID,
    SCHEMA_VERSION,
    TAGS,
    choice,
    link_to,
)
from monitoring.grafana.panels import about, bars, titled

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import timeseries
    from grafana_foundation_sdk.models.dashboard import Dashboard

UID = "ratecast-logs"
LOKI = DataSourceRef(type_val="loki", uid="ratecast-loki")  # as `provisioning/datasources/loki.yml` names it

# Of the lines that are JSON, what they say of themselves. Kafka, Grafana and others write plain text.
_LINES = '{job="ratecast", service=~"$service"} |~ `$search`'
_JSON = f'{_LINES} | json | __error__=""'
_EMPTY = "Start the profile with `docker compose --profile logs up -d`, and look at `docker compose logs log-collector`."


def dashboard() -> Dashboard:
    """Returns the dashboard `ratecast-logs`."""
    builder = (
        builders.Dashboard("ratecast: logs")
        .uid(UID)
        .description("What the programs of the stack log, from the compose profile `logs`.")
        .tags(TAGS)
        .timezone("browser")
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .variables([_service(), builders.TextBoxVariable("search").label("Search")])
        .links([link_to("Overview", OVERVIEW_UID), link_to("Model and data quality", MODEL_UID)])
        .with_row(builders.Row("How much is logged"))
        .with_panel(_by_level())
        .with_panel(_dead_letters())
        .with_row(builders.Row("What is logged"))
        .with_panel(_warnings())
        .with_panel(_all())
    )
    built = builder.build()
    built.schema_version = SCHEMA_VERSION
    for number, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = number
    return built


def _service() -> builders.QueryVariable:
    return choice("service", "Service", LOKI, 'label_values({job="ratecast"}, service)').all_value(".+")


def _query(expr: str, legend: str = "") -> loki.Dataquery:
    target = loki.Dataquery().ref_id("A").datasource(LOKI).expr(expr)
    return target.query_type(LokiQueryType.RANGE.value).legend_format(legend)


def _counted(title: str, description: str, expr: str, legend: str) -> timeseries.Panel:
    return bars(title, description, "short").datasource(LOKI).with_target(_query(expr, legend)).span(12)


def _by_level() -> timeseries.Panel:
    return _counted(
        "Lines by level",
        about(
            "How many lines ratecast's programs logged, by level.",
            "A few lines at a start and at a rebalance, almost none between.",
            "Read the warnings below. `error` lines say what to do. " + _EMPTY,
        ),
        f"sum by (level) (count_over_time({_JSON} [$__auto]))",
        "{{level}}",
    )


def _dead_letters() -> timeseries.Panel:
    return _counted(
        "Dead letters by partition",
        about(
            "How many dead letters were logged, by the partition of the message.",
            "None.",
            "Many on one partition point at one publisher. The lines below have the offset and, if the message had one, its trace.",
        ),
        f'sum by (topic, partition) (count_over_time({_JSON} | logger="consumer.dead_letters" [$__auto]))',
        "{{topic}}-{{partition}}",
    )


def _shown(title: str, description: str, expr: str, height: int) -> logs.Panel:
    return (
        titled(logs.Panel(), title, description)
        .datasource(LOKI)
        .with_target(_query(expr))
        .show_time(show_time=True)
        .wrap_log_message(wrap_log_message=True)
        .enable_log_details(enable_log_details=True)
        .dedup_strategy(LogsDedupStrategy.NONE)
        .sort_order(LogsSortOrder.DESCENDING)
        .span(24)
        .height(height)
    )


def _warnings() -> logs.Panel:
    return _shown(
        "Warnings and errors",
        about(
            "Lines of ratecast's programs from the level warning on, newest first. A line opens to its fields.",
            "None, or dead letters that are expected.",
            "Each line names its cause and what to do.",
        ),
        f'{_JSON} | level=~"warning|error|critical" | line_format "{{{{.message}}}}"',
        10,
    )


def _all() -> logs.Panel:
    return _shown(
        "All lines",
        about(
            "Every line of the chosen services as it was written, newest first, brokers and monitoring included.",
            "Lines of each service that runs.",
            _EMPTY,
        ),
        _LINES,
        14,
    )
