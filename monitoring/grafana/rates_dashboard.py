"""The dashboard of rates and ranges, from the tables that `ratecast sink postgres` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.common import VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DynamicConfigValue,
)

from monitoring.grafana.frame import MODEL_UID, OVERVIEW_UID, SCHEMA_VERSION, TAGS, choice, link_to
from monitoring.grafana.panels import about, bars, lines, titled, with_lines_at
from monitoring.grafana.sql_query import POSTGRES, SqlTarget

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

UID = "ratecast-rates"

# One prediction for each pair and time of a rate: after a replay or a retry the newest counts.
_LATEST = """
SELECT DISTINCT ON (pair, rate_time) pair, rate_time, target, baseline, prediction, lower_80, upper_80, lower_95,
    upper_95, interval_quality, is_drift, alerts, scored_at
FROM ratecast.predictions WHERE $__timeFilter(rate_time) AND pair IN (${pair:sqlstring})
ORDER BY pair, rate_time, scored_at DESC
"""
# Each prediction beside the rate that came next.
_HELD = f"""
SELECT pair, rate_time, next_rate BETWEEN lower_95 AND upper_95 AS held_95, next_rate BETWEEN lower_80 AND upper_80 AS held_80
FROM (SELECT *, lead(baseline) OVER (PARTITION BY pair ORDER BY rate_time) AS next_rate FROM ({_LATEST}) latest) followed
WHERE next_rate IS NOT NULL
"""  # noqa: S608 - made of constants
_ALERTS = """
SELECT published_at AS "time", pair, as_of AS "rate of", code AS "alert", alert_messages ->> code AS "what it says"
FROM ratecast.predictions, unnest(alerts) AS code
WHERE $__timeFilter(rate_time) AND pair IN (${pair:sqlstring}) ORDER BY rate_time DESC LIMIT 200
"""
_LETTERS = """
SELECT $__timeGroupAlias(published_at, $__interval), code AS metric, count(*) AS value
FROM ratecast.dead_letters WHERE $__timeFilter(published_at) GROUP BY 1, code ORDER BY 1
"""
_NEWEST = """
SELECT DISTINCT ON (pair) pair, as_of AS "rate of", baseline AS "last rate", target AS "for", lower_95 AS "from",
    upper_95 AS "to", 100 * (upper_95 - lower_95) / baseline AS "width %", interval_quality AS "range",
    array_to_string(alerts, ', ') AS "alerts"
FROM ratecast.predictions WHERE $__timeFilter(rate_time) AND pair IN (${pair:sqlstring})
ORDER BY pair, rate_time DESC, scored_at DESC
"""
_EMPTY = "Choose a longer time range: the axis is the day of the rates. Then check that the sink writes (`sink_active`)."


def dashboard() -> Dashboard:
    """Returns the dashboard `ratecast-rates`."""
    builder = (
        builders.Dashboard("ratecast: rates and ranges")
        .uid(UID)
        .description(
            "Rates, forecast ranges and how often they held, from the tables of `ratecast sink postgres`."
        )
        .tags(TAGS)
        .timezone("browser")
        .refresh("30s")
        .time("now-1y", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .variables([_pair()])
        .links([link_to("Overview", OVERVIEW_UID), link_to("Model and data quality", MODEL_UID)])
        .with_row(builders.Row("Rate and range"))
    )
    for panel in (_rate_and_range(), _newest()):
        builder.with_panel(panel)
    builder.with_row(builders.Row("Did the ranges hold?"))
    for panel in (_held_by_month(), _width(), _held_by_pair(), _misses()):
        builder.with_panel(panel)
    builder.with_row(builders.Row("What was unusual"))
    for panel in (_alerts(), _letters(), _age()):
        builder.with_panel(panel)
    built = builder.build()
    built.schema_version = SCHEMA_VERSION
    for number, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = number
    return built


def _pair() -> builders.QueryVariable:
    values = "SELECT DISTINCT pair FROM ratecast.predictions ORDER BY pair"
    return choice("pair", "Pair", POSTGRES, values)


def _lines(title: str, description: str, unit: str, *statements: str) -> timeseries.Panel:
    panel = lines(title, description, unit).datasource(POSTGRES).show_points(VisibilityMode.AUTO)
    for index, statement in enumerate(statements):
        panel.with_target(SqlTarget(statement, "time_series", chr(ord("A") + index)))
    return panel


def _table(title: str, description: str, unit: str, statement: str) -> table.Panel:
    return (
        titled(table.Panel(), title, description)
        .datasource(POSTGRES)
        .unit(unit)
        .with_target(SqlTarget(statement))
        .height(8)
    )


def _rate_and_range() -> timeseries.Panel:
    rates = f"SELECT rate_time AS \"time\", pair || ' rate' AS metric, baseline AS value FROM ({_LATEST}) latest ORDER BY 1"  # noqa: S608
    bounds = " UNION ALL ".join(
        f"SELECT target::timestamptz AS \"time\", pair || ' {word} 95 %' AS metric, {column} AS value FROM ({_LATEST}) latest "  # noqa: S608
        "WHERE target IS NOT NULL"
        for word, column in (("from", "lower_95"), ("to", "upper_95"))
    )
    return (
        _lines(
            "Rate and 95 % range",
            about(
                "Each rate on its day, and the 95 % range on the day that it was made for. A rate outside its range is a miss.",
                "95 of 100 rates are inside.",
                _EMPTY,
            ),
            "none",
            rates,
            f"{bounds} ORDER BY 1",
        )
        .fill_opacity(0)
        .span(24)
        .height(10)
    )


def _newest() -> Builder[Panel]:
    return _table(
        "Newest rate and forecast",
        about(
            "For each pair the newest rate, and the 95 % range of the next one with its day and its width in percent.",
            "The day is the last one on which rates were published.",
            _EMPTY,
        ),
        "none",
        _NEWEST,
    ).span(24)


def _held_by_month() -> Builder[Panel]:
    statement = f"""
    SELECT date_trunc('month', rate_time) AS "time", level AS metric, avg(held::integer) AS value
    FROM ({_HELD}) held CROSS JOIN LATERAL (VALUES ('80 % range', held_80), ('95 % range', held_95)) AS ranges (level, held)
    GROUP BY 1, 2 ORDER BY 1
    """  # noqa: S608
    panel = _lines(
        "Share of rates inside their range, by month",
        about(
            "How often the next rate was inside the range that was forecast for it, all chosen pairs together.",
            "Close to the dashed lines at 80 and 95 %.",
            "See the training report for how much a month may differ by chance, and retrain if several months are off.",
        ),
        "percentunit",
        statement,
    )
    return with_lines_at(panel, ("blue", 0.8), ("green", 0.95)).max(1)


def _width() -> Builder[Panel]:
    return _lines(
        "Width of the 95 % range",
        about(
            "The 95 % range of the next rate in percent of the last rate, by pair.",
            "It follows the volatility of the pair: wide after large moves, narrow in quiet weeks.",
            "A width that does not change points at a feed that repeats its rates. Look at the alerts below.",
        ),
        "percent",
        f'SELECT rate_time AS "time", pair AS metric, 100 * (upper_95 - lower_95) / baseline AS value FROM ({_LATEST}) latest ORDER BY 1',  # noqa: S608
    )


def _held_by_pair() -> Builder[Panel]:
    statement = f"""
    SELECT pair, count(*) AS "forecasts", 100.0 * avg(held_80::integer) AS "held 80 %", 100.0 * avg(held_95::integer) AS "held 95 %"
    FROM ({_HELD}) held GROUP BY pair ORDER BY 4
    """  # noqa: S608
    return _table(
        "Held, by pair",
        about(
            "For each pair the number of forecasts whose next rate is known, and how often the ranges held, in percent.",
            "80 and 95 for pairs with hundreds of forecasts.",
            "Retrain, or train on rates of that pair alone, if a pair with many forecasts is off.",
        ),
        "none",
        statement,
    ).span(12)


def _misses() -> Builder[Panel]:
    statement = f"""
    SELECT rate_time AS "forecast on", pair, lower_95 AS "from", upper_95 AS "to", next_rate AS "next rate",
        CASE WHEN next_rate > upper_95 THEN next_rate - upper_95 ELSE next_rate - lower_95 END / (upper_95 - lower_95)
            AS "beyond, in widths"
    FROM (SELECT *, lead(baseline) OVER (PARTITION BY pair ORDER BY rate_time) AS next_rate FROM ({_LATEST}) latest) followed
    WHERE next_rate NOT BETWEEN lower_95 AND upper_95 AND upper_95 > lower_95
    ORDER BY abs(CASE WHEN next_rate > upper_95 THEN next_rate - upper_95 ELSE next_rate - lower_95 END
        / (upper_95 - lower_95)) DESC LIMIT 50
    """  # noqa: S608
    return _table(
        "Largest misses",
        about(
            "Rates outside their 95 % range, the farthest first, measured in widths of the range.",
            "5 of 100 rates are outside, few by more than half a width.",
            "Compare with another source. A miss of several widths is more often a fault of the feed than of the market.",
        ),
        "none",
        statement,
    ).span(12)


def _alerts() -> Builder[Panel]:
    panel = _table(
        "Data-quality alerts",
        about(
            "What messages were found unusual for, in words, newest rate first.",
            "A few jumps in turbulent weeks.",
            "Look up the alert under Codes in the documentation's reference.",
        ),
        "none",
        _ALERTS,
    ).span(24)
    return panel.override_by_name("what it says", [DynamicConfigValue(id_val="custom.width", value=600)])


def _letters() -> Builder[Panel]:
    return (
        bars(
            "Dead letters by code",
            about(
                "Messages that could not be scored, by the time at which they were published as dead letters.",
                "None.",
                "The column `message` of table `dead_letters` says what is wrong with each. Fix the publisher, then redeliver.",
            ),
            "short",
        )
        .datasource(POSTGRES)
        .with_target(SqlTarget(_LETTERS, "time_series"))
        .span(18)
    )


def _age() -> Builder[Panel]:
    return (
        titled(
            stat.Panel(),
            "Age of the newest row",
            about(
                "How long ago the newest prediction in the table was published.",
                "Seconds while messages arrive.",
                "If the workers publish and this grows, look at `sink_lag_seconds` and at the sink's `/ready`.",
            ),
        )
        .datasource(POSTGRES)
        .unit("s")
        .with_target(
            SqlTarget(
                "SELECT extract(epoch FROM now() - max(published_at))::double precision AS age FROM ratecast.predictions"
            )
        )
        .span(6)
        .height(8)
    )
