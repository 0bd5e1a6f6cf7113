"""The model page's row on the rates themselves: each pair's newest rate and the range of the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from monitoring.grafana.panels import about, lines, query
from monitoring.grafana.promql import PAIR, newest, select
from monitoring.grafana.table_panels import rows_of_values

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

    from monitoring.grafana.panels import Row

_COLOURS = {"80": "semi-dark-blue", "95": "super-light-blue"}
_RATE = select("last_rate", PAIR)
_EMPTY = (
    "No data: no message of the pair has an `as_of`, or RATECAST_RATE_METRICS is off. Otherwise the rates stopped: see Rate "
    "age by pair."
)


def rates() -> Row:
    """Returns the widths of all selected pairs, and a panel for each selected pair.

    The row is the last one of its dashboard, because it grows with the number of pairs.
    """
    return [_half_widths(), _rate_and_range()]


def _half_widths() -> table.Panel:
    widths = {f"± {level} %": newest(_half_width(level)) for level in _COLOURS}
    return (
        rows_of_values(
            "Half width of the ranges",
            about(
                "How far the range of the next rate reaches up and down from its middle, in percent of the last rate, from the "
                "worker with the newest rate of each pair.",
                "For daily rates of major currencies about 1 % at 95 %, and more after large moves.",
                "Much wider than yesterday: the pair moved, or a rate is wrong. See the data-quality alerts. "
                + _EMPTY,
            ),
            "percent",
            ("pair",),
            {"last rate": newest(_RATE), **widths},
        )
        .decimals(2)
        .override_by_name(
            "last rate",
            [DynamicConfigValue(id_val="unit", value="none"), DynamicConfigValue(id_val="decimals", value=5)],
        )
        .span(24)
    )


def _rate_and_range() -> timeseries.Panel:
    bounds = [
        query(newest(_bound(side, level)), f"{level} % {side}")
        for level in reversed(_COLOURS)
        for side in ("upper", "lower")
    ]
    panel = (
        lines(
            "Rate and range of $pair",
            about(
                "The newest rate of the pair, and the 80 % and 95 % range of the next one, from the worker with the newest rate. "
                "There is a panel for each selected pair, and Grafana loads those that are in view.",
                "The rate moves within the range that was there before it. One rate of 20 is outside the 95 % range.",
                "A rate far outside the range is more often a fault of the feed than of the market. "
                + _EMPTY,
            ),
            "none",
            query(newest(_RATE), "last rate"),
            *bounds,
        )
        .fill_opacity(0)
        .repeat("pair")
        .repeat_direction("h")
        .max_per_row(3)
        .span(24)
    )
    for level, colour in _COLOURS.items():
        edge = [DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})]
        fill = [
            DynamicConfigValue(id_val="custom.fillBelowTo", value=f"{level} % lower"),
            DynamicConfigValue(id_val="custom.fillOpacity", value=15),
        ]
        panel.override_by_name(f"{level} % upper", edge + fill).override_by_name(f"{level} % lower", edge)
    return panel


def _half_width(level: str) -> str:
    return f"50 * ({_bound('upper', level)} - {_bound('lower', level)}) / on (cluster, job, instance, pair) {_RATE}"


def _bound(side: str, level: str) -> str:
    return select(f"forecast_{side}", f'level="{level}",{PAIR}')
