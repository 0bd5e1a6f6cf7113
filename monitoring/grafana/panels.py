"""The kinds of panels that both dashboards use, in one look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    piechart,
    prometheus,
    stat,
    table,
    timeseries,
)
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
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.piechart import PieChartLegendValues, PieChartType
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA = "no data"

Step = tuple[str, float | None]  # a colour, and the value it begins at; None for the lowest


def query(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """A query for every point of the graph."""
    return _target(expr, legend).range()


def now(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """A query for the end of the time shown only."""
    return _target(expr, legend).instant()


def _target(expr: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id("A").datasource(DATASOURCE).expr(expr).legend_format(legend)


def thresholds(*steps: Step) -> dashboard.ThresholdsConfig:
    """Colours by value, the lowest first."""
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(color=color, value=value) for color, value in steps])
    )


def single(title: str, description: str, unit: str, expr: str, *steps: Step) -> stat.Panel:
    """One number, as of the end of the time shown; 4 by 4 on the grid.

    Of a query over time Grafana would show the newest value there is: when the workers are gone, their last one.
    """
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(NO_DATA)
        .thresholds(thresholds(*(steps or (("blue", None),))))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(now(expr))
        .span(4)
        .height(4)
    )


def states(panel: stat.Panel, *texts: str) -> stat.Panel:
    """The number as a word: the first for 0, the next for 1."""
    return panel.mappings(
        [ValueMap({str(number): ValueMappingResult(text=text) for number, text in enumerate(texts)})]
    )


def lines(title: str, description: str, unit: str, *targets: prometheus.Dataquery) -> timeseries.Panel:
    """Lines over time; 12 by 8 on the grid."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(NO_DATA)
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
    """Counts over time, stacked."""
    return (
        lines(title, description, unit, *targets)
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        .min(0)
    )


def with_lines_at(panel: timeseries.Panel, *steps: tuple[str, float]) -> timeseries.Panel:
    """The panel with a dashed line at each limit."""
    return panel.thresholds(thresholds(("transparent", None), *steps)).thresholds_style(
        common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    )


def distribution(title: str, description: str, unit: str, buckets: str) -> heatmap.Panel:
    """A classic histogram's buckets over time; 12 by 9 on the grid.

    Args:
        title: of the panel.
        description: of the panel.
        unit: of what the histogram observes.
        buckets: events by ``le``.
    """
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit("short")
        .no_value(NO_DATA)
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
    """Shares of a whole; 6 by 8 on the grid."""
    panel = (
        piechart.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(NO_DATA)
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


def rows(
    title: str, description: str, unit: str, expr: str, columns: Sequence[str], value: str | None = None
) -> table.Panel:
    """One row a series, as of the end of the time shown; 24 by 8 on the grid.

    Args:
        title: of the panel.
        description: of the panel.
        unit: of the value.
        expr: whose series are shown; labels that are no columns must not be left in it.
        columns: labels, in their order.
        value: heading of the value, highest first; the value is left out when None.
    """
    hidden = {"Time": True} if value is not None else {"Time": True, "Value": True}
    organize = {
        "excludeByName": hidden,
        "indexByName": {name: index for index, name in enumerate((*columns, "Value"))},
        "renameByName": {} if value is None else {"Value": value},
    }
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .no_value(NO_DATA)
        .unit(unit)
        .with_target(now(expr).format(PromQueryFormat.TABLE))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organize))
        .span(24)
        .height(8)
    )
    return panel if value is None else panel.sort_by([_highest_first(value)])


def ascending(column: str) -> common.TableSortByFieldState:
    """For a table's ``sort_by``."""
    return common.TableSortByFieldState().display_name(column).desc(False)


def _highest_first(column: str) -> common.TableSortByFieldState:
    return common.TableSortByFieldState().display_name(column).desc(True)


def coloured(panel: table.Panel, column: str, *steps: Step) -> table.Panel:
    """The table with one column's cells coloured by their value."""
    levels = {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}
    return panel.override_by_name(
        column,
        [
            DynamicConfigValue(id_val="thresholds", value=levels),
            DynamicConfigValue(
                id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"}
            ),
        ],
    )


def linked(panel: table.Panel, column: str, title: str, url: str) -> table.Panel:
    """The table with one column's cells leading elsewhere; ``${__value.text}`` in the address is the cell."""
    link = {"title": title, "url": url, "targetBlank": True}
    return panel.override_by_name(column, [DynamicConfigValue(id_val="links", value=[link])])


def worded(panel: table.Panel, column: str, colours: Mapping[str, str]) -> table.Panel:
    """The table with one column's words in their colours."""
    options = {word: {"color": color, "index": index} for index, (word, color) in enumerate(colours.items())}
    return panel.override_by_name(
        column,
        [
            DynamicConfigValue(id_val="mappings", value=[{"type": "value", "options": options}]),
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        ],
    )


def _named(targets: Sequence[prometheus.Dataquery]) -> list[prometheus.Dataquery]:
    return [target.ref_id(chr(ord("A") + index)) for index, target in enumerate(targets)]
