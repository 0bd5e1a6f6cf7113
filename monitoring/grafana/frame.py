"""The frame of the dashboards on Prometheus: variables, links, annotations and panel numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from monitoring.grafana import runbooks
from monitoring.grafana.panels import DATASOURCE
from monitoring.grafana.promql import CLUSTER, FIRING, INSTANCE, JOB, KNOWN_PARTITIONS, WORKERS, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.common import DataSourceRef
    from grafana_foundation_sdk.models.dashboard import DashboardLink, VariableModel

    from monitoring.grafana.panels import Row

OVERVIEW_UID = "ratecast-overview"
MODEL_UID = "ratecast-model"
DATASOURCE_UID = "prometheus"  # as `provisioning/datasources/prometheus.yml` names it
# The newest schema that Grafana 11.6 to 12.3 support. Nothing that schema 42 changed is used here.
SCHEMA_VERSION = 41
TAGS = ["ratecast"]


def board(
    uid: str, title: str, description: str, sections: Iterable[tuple[str, Row]], *, partitions: bool
) -> Dashboard:
    """Returns a dashboard of titled rows.

    Args:
        uid: The stable identifier, which links and bookmarks contain.
        title: The title of the dashboard.
        description: The description of the dashboard.
        sections: The title and the panels of each row. Panels must fill the 24 columns of the grid line by line.
        partitions: Whether the dashboard has a variable for partitions.
    """
    builder = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(TAGS)
        .timezone("browser")
        .refresh("10s")
        .time("now-30m", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()  # the code is the source, and changes in the browser would be lost
        .variables(_variables(partitions=partitions))
        .annotation(_new_models())
        .annotation(_alerts())
        .links(_links(uid))
    )
    for heading, panels in sections:
        builder.with_row(dashboard.Row(heading))
        for panel in panels:
            builder.with_panel(panel)
    built = builder.build()
    built.schema_version = SCHEMA_VERSION
    for number, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = number  # part of the address of a single panel
        if isinstance(panel_or_row, Panel) and panel_or_row.title in runbooks.ALERTS:
            panel_or_row.links = [link.build() for link in runbooks.links(panel_or_row.title)]
    return built


def _variables(*, partitions: bool) -> list[Builder[VariableModel]]:
    datasource = (
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .current(VariableOption(text="Prometheus", value=DATASOURCE_UID))
    )
    in_any_cluster = select("assigned_partitions", WORKERS)
    cluster = _choice("cluster", "Cluster", f"label_values({in_any_cluster}, cluster)")
    of_any_job = select("assigned_partitions", f"{CLUSTER},{WORKERS}")
    job = _choice("job", "Job", f"label_values({of_any_job}, job)")
    instance = _choice("instance", "Worker", f"label_values({select('assigned_partitions', JOB)}, instance)")
    pair = _choice("pair", "Pair", f"label_values({select('prediction_requests_total', INSTANCE)}, pair)")
    # From all known partitions, because the workers' own lag has no series for a partition without an owner.
    partition = _choice(
        "partition", "Partition", f"label_values({select(KNOWN_PARTITIONS, CLUSTER)}, partition)"
    ).sort(VariableSort.NUMERICAL_ASC)
    return [datasource, cluster, job, instance, pair, *([partition] if partitions else [])]


def _choice(name: str, label: str, values: str) -> dashboard.QueryVariable:
    # Without a value of its own, "All" is the list of values at load time, without workers that join later.
    return choice(name, label, DATASOURCE, values).all_value(".*")


def choice(name: str, label: str, datasource: DataSourceRef, values: str) -> dashboard.QueryVariable:
    """Returns a variable of which one, several or all values can be chosen.

    Args:
        name: name in queries.
        label: name on the page.
        datasource: where the values come from.
        values: the query for them.
    """
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(datasource)
        .query(values)
        .definition(values)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def link_to(title: str, uid: str) -> dashboard.DashboardLink:
    """Returns a link to another dashboard, for one that has no variables to hand over."""
    link = dashboard.DashboardLink(title).type(DashboardLinkType.LINK).icon("dashboard")
    return link.url(f"/d/{uid}").tooltip(title)


def _new_models() -> dashboard.AnnotationQuery:
    now, before = (
        f"count by (version, trained_until) ({select('model_info')}{offset})" for offset in ("", " offset 1m")
    )
    return (
        dashboard.AnnotationQuery()
        .name("New model")
        .datasource(DATASOURCE)
        .icon_color("purple")
        .expr(f"{now} unless {before}")
        .step("10s")
        .title_format("New model")
        .text_format("{{version}}, trained until {{trained_until}}")
        .tag_keys("version")
    )


def _alerts() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(DATASOURCE)
        .icon_color("red")
        .expr(f"count by (alertname, severity) ({FIRING})")
        .step("10s")
        .title_format("{{alertname}}")
        .text_format("{{severity}}")
        .tag_keys("alertname,severity")
    )


def _links(uid: str) -> list[Builder[DashboardLink]]:
    other, title = {
        OVERVIEW_UID: (MODEL_UID, "Model and data quality"),
        MODEL_UID: (OVERVIEW_UID, "Overview"),
    }[uid]
    return [
        dashboard.DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("dashboard")
        .url(f"/d/{other}")
        .tooltip("Opens with the selected workers, pairs and time")
        .include_vars(True)
        .keep_time(True),
        dashboard.DashboardLink("Runbooks")
        .type(DashboardLinkType.LINK)
        .icon("doc")
        .url(runbooks.INDEX_URL)
        .tooltip("What to do about each alert")
        .target_blank(True),
    ]
