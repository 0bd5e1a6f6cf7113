"""The model page's row on live accuracy: the last rate of a history is the answer to the forecast before it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from monitoring.grafana.limits import COVERAGE, OFF_TARGET, WORSE_THAN_LAST_RATE
from monitoring.grafana.panels import about, bars, lines, query, with_lines_at
from monitoring.grafana.promql import PAIR, increase, select
from monitoring.windows.accuracy import MIN_MESSAGES, WINDOW_MESSAGES

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.timeseries import Panel as Lines

    from monitoring.grafana.panels import Row

ERROR_RATIO = f"max by (pair) ({select('forecast_error_ratio', PAIR)})"


def accuracy() -> Row:
    """Returns forecast errors, coverage of the ranges, and changes of accuracy."""
    return [*_errors(), *(_coverage_lines(level, target) for level, target in COVERAGE.items()), *_changes()]


def _errors() -> Row:
    return [
        with_lines_at(
            lines(
                "Error ratio to the last rate",
                about(
                    "Mean absolute error of the forecasts divided by the error of repeating the last rate, over the last "
                    f"500 messages of each pair. The worker with the highest ratio is shown. A pair needs {MIN_MESSAGES} "
                    "messages.",
                    "At or under the green line at 1. Above it, forecasts are worse than the last rate. An alert fires above "
                    f"the red line, {WORSE_THAN_LAST_RATE:g}.",
                    "Run `ratecast retrain`, or go back to the previous model by writing its version into models/current.",
                ),
                "short",
                query(ERROR_RATIO, "{{pair}}"),
            ).decimals(3),
            ("green", 1.0),
            ("red", WORSE_THAN_LAST_RATE),
        ),
        with_lines_at(
            lines(
                "Messages in the accuracy window",
                about(
                    "Messages that the accuracy of each pair is computed from, 500 at most.",
                    "Full after some time. A window starts again when a partition moves or a new model is loaded.",
                    f"Under the dashed line at {MIN_MESSAGES} no accuracy is reported. Wait for more messages.",
                ),
                "short",
                query(f"sum by (pair) ({select('accuracy_window_messages', PAIR)})", "{{pair}}"),
            ).min(0),
            ("yellow", MIN_MESSAGES),
        ),
    ]


def _coverage_lines(level: str, target: float) -> Lines:
    off, off_at_first = (_alert_distance(target, messages) for messages in (WINDOW_MESSAGES, MIN_MESSAGES))
    series = select("interval_coverage_ratio", f'level="{level}",{PAIR}')
    panel = lines(
        f"Coverage of the {level} % range",
        about(
            f"Share of the newest rates that were inside the {level} % range forecast for them, over the last "
            f"{MIN_MESSAGES} to {WINDOW_MESSAGES} messages of each pair.",
            f"Around the green line. With {WINDOW_MESSAGES} messages an alert fires outside the red lines, "
            f"{off * 100:.1f} points away. With {MIN_MESSAGES} messages it fires {off_at_first * 100:.1f} points away.",
            "Too low: the range is too narrow and users take more risk than they know, so run `ratecast retrain`. Too high: "
            "the range is too wide, which is harmless.",
        ),
        "percentunit",
        query(f"min by (pair) ({series})", "{{pair}}"),
    ).decimals(1)
    return with_lines_at(panel, ("red", target - off), ("green", target), ("red", target + off))


def _alert_distance(target: float, messages: int) -> float:
    """Returns how far coverage over this number of messages may be off: a number of binomial standard errors."""
    return round(OFF_TARGET * math.sqrt(target * (1 - target) / messages), 4)


def _changes() -> Row:
    return [
        bars(
            "Changes of accuracy",
            about(
                "Times at which a pair's errors became lastingly larger or smaller (Page-Hinkley test).",
                "About one in 5,000 messages of a pair, by chance.",
                "Several pairs at once: the market changed, or a new model was loaded (purple mark). Watch the coverage.",
            ),
            "short",
            query(increase("accuracy_changes_total", PAIR, by="pair, direction"), "{{pair}} {{direction}}"),
        ),
        bars(
            "Messages excluded from accuracy",
            about(
                "Messages with a fault of the feed. They do not measure the model, so its accuracy excludes them.",
                "Few.",
                "Correct the feed of the pair. The data-quality alerts show the fault.",
            ),
            "short",
            query(increase("accuracy_left_out_messages_total", PAIR, by="pair"), "{{pair}}"),
        ),
    ]
