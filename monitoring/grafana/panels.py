"""The kinds of panels that both dashboards use, except tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    logs,
    piechart,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    HeatmapCellLayout,
    LegendDisplayMode,
    LegendPlacement,
    ScaleDistribution,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.piechart import PieChartLegendValues, PieChartType
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

Row: TypeAlias = Sequence[Builder[Panel]]  # the panels of one row of a dashboard
Step = tuple[str, float | None]  # a colour and the lowest value that has it; None for the first colour
AnyPanel = TypeVar(
    "AnyPanel", heatmap.Panel, logs.Panel, piechart.Panel, stat.Panel, table.Panel, timeseries.Panel
)


def about(shows: str, normal: str, otherwise: str) -> str:
    """Returns a panel's description as Markdown: what it shows, what is normal, and what to do otherwise.

    >>> about("Records that wait.", "0.", "Add workers.").splitlines()
    ['Records that wait.', '', '**Normal:** 0.', '', '**Otherwise:** Add workers.']
    """
    return f"{shows}\n\n**Normal:** {normal}\n\n**Otherwise:** {otherwise}"


def titled(panel: AnyPanel, title: str, description: str) -> AnyPanel:
    """Sets what all kinds of panels have in common."""
    return panel.title(title).description(description).datasource(DATASOURCE).no_value("no data")


def query(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """A query over the whole time range."""
    return _target(expr, legend).range()


def now(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """A query at the end of the time range only."""
    return _target(expr, legend).instant()


def _target(expr: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id("A").datasource(DATASOURCE).expr(expr).legend_format(legend)


def thresholds(*steps: Step) -> dashboard.ThresholdsConfig:
    """Colours by value, lowest first."""
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(color=color, value=value) for color, value in steps])
    )


def single(title: str, description: str, unit: str, expr: str, *steps: Step) -> stat.Panel:
    """One number at the end of the time range, 4 by 4 on the grid.

    A query over time would still show the last value after the workers are gone.
    """
    return (
        titled(stat.Panel(), title, description)
        .unit(unit)
        .thresholds(thresholds(*(steps or (("blue", None),))))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(now(expr))
        .span(4)
        .height(4)
    )


def words(panel: stat.Panel, *texts: str) -> stat.Panel:
    """Shows words for the numbers 0, 1 and so on."""
    return panel.mappings(
        [ValueMap({str(number): ValueMappingResult(text=text) for number, text in enumerate(texts)})]
    )


def lines(title: str, description: str, unit: str, *targets: prometheus.Dataquery) -> timeseries.Panel:
    """Lines over time, 12 by 8 on the grid."""
    panel = (
        titled(timeseries.Panel(), title, description)
        .unit(unit)
        .fill_opacity(8)
        .line_width(1)
        .show_points(VisibilityMode.NEVER)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span(12)
        .height(8)
    )
    for target in _named(targets):
        panel.with_target(target)
    return panel


def bars(title: str, description: str, unit: str, *targets: prometheus.Dataquery) -> timeseries.Panel:
    """Stacked counts over time, 12 by 8 on the grid."""
    return (
        lines(title, description, unit, *targets)
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        .min(0)
    )


def with_lines_at(panel: timeseries.Panel, *steps: tuple[str, float]) -> timeseries.Panel:
    """Adds a dashed line at each threshold."""
    return panel.thresholds(thresholds(("transparent", None), *steps)).thresholds_style(
        common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    )


def third(panel: timeseries.Panel) -> timeseries.Panel:
    """Fits three panels side by side, with an axis that starts at 0."""
    return panel.min(0).span(8)


def by_worker(
    title: str, description: str, unit: str, expr: str, *limits: tuple[str, float]
) -> timeseries.Panel:
    """One line for each worker, for three panels side by side, with a dashed line at each threshold."""
    panel = third(lines(title, description, unit, query(expr, "{{instance}}")))
    return with_lines_at(panel, *limits) if limits else panel


def distribution(title: str, description: str, unit: str, buckets: str) -> heatmap.Panel:
    """The buckets of a classic histogram over time, 12 by 9 on the grid.

    Args:
        title: The title of the panel.
        description: The description of the panel.
        unit: The unit of the observed values.
        buckets: A query for the events in each bucket, by ``le``.
    """
    return (
        titled(heatmap.Panel(), title, description)
        .unit("short")
        .calculate(False)
        .rows_frame(heatmap.RowsHeatmapOptions().layout(HeatmapCellLayout.AUTO))
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_values(heatmap.CellValues().unit("short"))
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .tooltip(heatmap.HeatmapTooltip().mode(TooltipDisplayMode.SINGLE).y_histogram(True))
        .show_legend()
        .scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LINEAR))
        .with_target(query(buckets, "{{le}}").format(PromQueryFormat.HEATMAP))
        .span(12)
        .height(9)
    )


def pie(title: str, description: str, unit: str, *targets: prometheus.Dataquery) -> piechart.Panel:
    """Shares of a whole, 6 by 8 on the grid."""
    panel = (
        titled(piechart.Panel(), title, description)
        .unit(unit)
        .pie_type(PieChartType.DONUT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .legend(
            piechart.PieChartLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .values([PieChartLegendValues.VALUE, PieChartLegendValues.PERCENT])
        )
        .span(6)
        .height(8)
    )
    for target in _named(targets):
        panel.with_target(target)
    return panel


def _named(targets: Sequence[prometheus.Dataquery]) -> list[prometheus.Dataquery]:
    return [target.ref_id(chr(ord("A") + index)) for index, target in enumerate(targets)]
