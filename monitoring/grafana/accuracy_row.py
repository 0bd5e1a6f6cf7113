"""The model page's panels on live accuracy: each history ends with the answer to the forecast before it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from monitoring.grafana.limits import COVERAGE, OFF_TARGET, WORSE_THAN_LAST_RATE
from monitoring.grafana.panels import bars, lines, query, with_lines_at
from monitoring.grafana.promql import PAIR, increase, select
from monitoring.windows.accuracy import MIN_MESSAGES, WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.timeseries import Panel as Lines
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

ERROR_RATIO = f"max by (pair) ({select('forecast_error_ratio', PAIR)})"


def accuracy() -> Sequence[Builder[Panel]]:
    """Error against the last rate, coverage, changes, and how many messages say so."""
    return [
        with_lines_at(
            lines(
                "Error ratio to the last rate",
                "Mean absolute error of hindcasts over that of repeating the last rate, of each pair's last "
                "500 messages; the worst worker's. Normal: at or under the green line at 1. Above it the forecast is "
                f"worse than no forecast; over the red one, at {WORSE_THAN_LAST_RATE:g}, it is an alert. No line until "
                f"a pair has {MIN_MESSAGES} messages.",
                "short",
                query(ERROR_RATIO, "{{pair}}"),
            ).decimals(3),
            ("green", 1.0),
            ("red", WORSE_THAN_LAST_RATE),
        ),
        with_lines_at(
            lines(
                "Messages behind accuracy",
                "Messages in each pair's window, 500 at most. Normal: full after a while; it begins anew when a "
                f"partition moves or a model is exchanged, and under the dashed line at {MIN_MESSAGES} nothing is said.",
                "short",
                query(f"sum by (pair) ({select('accuracy_window_messages', PAIR)})", "{{pair}}"),
            ).min(0),
            ("yellow", MIN_MESSAGES),
        ),
        *(_coverage_lines(level, target) for level, target in COVERAGE.items()),
        bars(
            "Changes of accuracy",
            "Moments at which the size of a pair's errors changed lastingly (Page-Hinkley), worse or better. "
            "Normal: about one in 5,000 messages of a pair by chance. Several pairs at once are the market.",
            "short",
            query(increase("accuracy_changes_total", PAIR, by="pair, direction"), "{{pair}} {{direction}}"),
        ),
        bars(
            "Messages left out of accuracy",
            "Messages that a fault of the feed spoilt: they say nothing about the model and are not in its "
            "accuracy. Normal: few.",
            "short",
            query(increase("accuracy_left_out_messages_total", PAIR, by="pair"), "{{pair}}"),
        ),
    ]


def _coverage_lines(level: str, target: float) -> Lines:
    off, off_at_first = (_due(target, messages) for messages in (WINDOW_MESSAGES, MIN_MESSAGES))
    series = select("interval_coverage_ratio", f'level="{level}",{PAIR}')
    panel = lines(
        f"Coverage of the {level} % range",
        f"Share of newest rates that lay within the {level} % range forecast for them, of each pair's last "
        f"{MIN_MESSAGES} to {WINDOW_MESSAGES} messages. Normal: around the green line. Lower: ranges are too narrow, and "
        "who relies on them takes more risk than they say. Higher: too wide. The red lines, "
        f"{off * 100:.1f} points off, are where {WINDOW_MESSAGES} messages are due for an alert; {MIN_MESSAGES} messages "
        f"say less, and are so {off_at_first * 100:.1f} points off.",
        "percentunit",
        query(f"min by (pair) ({series})", "{{pair}}"),
    ).decimals(1)
    return with_lines_at(panel, ("red", target - off), ("green", target), ("red", target + off))


def _due(target: float, messages: int) -> float:
    """How far the share of so many messages may be off: a number of binomial standard errors."""
    return round(OFF_TARGET * math.sqrt(target * (1 - target) / messages), 4)
