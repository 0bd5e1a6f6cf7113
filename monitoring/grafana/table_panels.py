"""Tables, and how their cells are coloured and linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.grafana.panels import now, titled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitoring.grafana.panels import Step


def rows(
    title: str, description: str, unit: str, expr: str, columns: Sequence[str], value: str | None = None
) -> table.Panel:
    """One row for each series at the end of the time range, 24 by 8 on the grid.

    Args:
        title: The title of the panel.
        description: The description of the panel.
        unit: The unit of the value.
        expr: The query. Its series must have no labels other than the columns.
        columns: The labels that become columns, in order.
        value: The heading of the value, by which rows are sorted in descending order. None leaves the value out.
    """
    hidden = {"Time": True} if value is not None else {"Time": True, "Value": True}
    organize = {
        "excludeByName": hidden,
        "indexByName": {name: index for index, name in enumerate((*columns, "Value"))},
        "renameByName": {} if value is None else {"Value": value},
    }
    panel = (
        titled(table.Panel(), title, description)
        .unit(unit)
        .with_target(now(expr).format(PromQueryFormat.TABLE))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organize))
        .span(24)
        .height(8)
    )
    return panel if value is None else panel.sort_by([_highest_first(value)])


def rows_of_values(
    title: str, description: str, unit: str, columns: Sequence[str], values: Mapping[str, str]
) -> table.Panel:
    """One row for each set of labels at the end of the time range with a column for each query, 12 by 8 on the grid.

    Args:
        title: The title of the panel.
        description: The description of the panel.
        unit: The unit of all values.
        columns: The labels that become columns, in order. The series of every query have these and no others.
        values: Heading -> query. Rows are sorted by the last one in descending order.
    """
    names = {f"Value #{chr(ord('A') + index)}": heading for index, heading in enumerate(values)}
    organize = {
        "excludeByName": {"Time": True},
        "indexByName": {name: index for index, name in enumerate((*columns, *names))},
        "renameByName": names,
    }
    panel = (
        titled(table.Panel(), title, description)
        .unit(unit)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organize))
        .sort_by([_highest_first(list(values)[-1])])
        .span(12)
        .height(8)
    )
    for name, expr in zip(names, values.values(), strict=True):
        panel.with_target(now(expr).ref_id(name[-1]).format(PromQueryFormat.TABLE))
    return panel


def ascending(column: str) -> common.TableSortByFieldState:
    """Sorts a table by a column, lowest first."""
    return common.TableSortByFieldState().display_name(column).desc(False)


def _highest_first(column: str) -> common.TableSortByFieldState:
    return common.TableSortByFieldState().display_name(column).desc(True)


def colour_numbers(panel: table.Panel, column: str, *steps: Step) -> table.Panel:
    """Colours the cells of one column by their value."""
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


def link_cells(panel: table.Panel, column: str, title: str, url: str) -> table.Panel:
    """Links the cells of one column. ``${__value.text}`` in the address stands for the cell's text."""
    link = {"title": title, "url": url, "targetBlank": True}
    return panel.override_by_name(column, [DynamicConfigValue(id_val="links", value=[link])])


def colour_words(panel: table.Panel, column: str, colours: Mapping[str, str]) -> table.Panel:
    """Colours the cells of one column by their word."""
    options = {word: {"color": color, "index": index} for index, (word, color) in enumerate(colours.items())}
    return panel.override_by_name(
        column,
        [
            DynamicConfigValue(id_val="mappings", value=[{"type": "value", "options": options}]),
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        ],
    )
