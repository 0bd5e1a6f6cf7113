"""The model page's row on the shadow model beside the champion, the model in use.

The counters are shown as they are, not as rates: both models' sums start together, and a feed of daily rates has nothing
to show within minutes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from monitoring.grafana.limits import COVERAGE, OFF_TARGET
from monitoring.grafana.panels import about, lines, query, with_lines_at
from monitoring.grafana.promql import INSTANCE, PAIR, select

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.timeseries import Panel as Lines

    from monitoring.grafana.panels import Row

# As training/shadow_trial.py has them. That module needs libraries of training, which a dashboard should not.
NOT_WORSE = 1.005
ENOUGH_FORECASTS = 1_200


def shadow() -> Row:
    """Returns Winkler scores of both models, how many forecasts were compared, and coverage of both."""
    return [_winkler(), _compared(), *(_coverage(level, target) for level, target in COVERAGE.items())]


def _winkler() -> Lines:
    score = "shadow_winkler_score_total"
    ratio = (
        f"sum by (level) ({select(score, _of('shadow'))}) / sum by (level) ({select(score, _of('champion'))})"
    )
    panel = lines(
        "Winkler ratio of the shadow model",
        about(
            "Winkler score of the shadow model's ranges divided by that of the model in use, on the same forecasts, since "
            "both are in use together.",
            f"Under the green line at 1 the shadow model is better. `ratecast retrain --promote` accepts up to the red line, "
            f"{NOT_WORSE:g}.",
            "No data: there is no shadow model. Lastingly above the red line: remove it with `rm models/shadow`.",
        ),
        "short",
        query(ratio, "{{level}} % range"),
    ).decimals(4)
    return with_lines_at(panel, ("green", 1.0), ("red", NOT_WORSE))


def _compared() -> Lines:
    panel = lines(
        "Forecasts compared with the shadow model",
        about(
            "Forecasts that both models made and whose answer is known, and messages that the shadow model did not score.",
            f"Compared forecasts rise with the traffic. From {ENOUGH_FORECASTS:,} on, the dashed line, "
            "`ratecast retrain --promote` decides.",
            "busy: messages arrive faster than the shadow model scores them, which is harmless. failed or rejected: the worker's "
            "log shows the reason.",
        ),
        "short",
        query(f"sum({select('shadow_compared_forecasts_total', PAIR)})", "compared"),
        query(
            f"sum by (reason) ({select('shadow_left_out_messages_total', INSTANCE)})", "left out: {{reason}}"
        ),
    ).min(0)
    return with_lines_at(panel, ("green", ENOUGH_FORECASTS))


def _coverage(level: str, target: float) -> Lines:
    off = OFF_TARGET * math.sqrt(target * (1 - target) / ENOUGH_FORECASTS)
    inside = select("shadow_rates_inside_total", f'level="{level}",{PAIR}')
    panel = lines(
        f"Coverage of both models' {level} % range",
        about(
            f"Share of the newest rates that were inside the {level} % range of the shadow model and of the model in use, on "
            "the same forecasts.",
            f"Around the green line. The red lines are {off * 100:.1f} points away, {OFF_TARGET:g} standard errors of "
            f"{ENOUGH_FORECASTS:,} forecasts.",
            "The shadow model is outside and farther away than the model in use: `ratecast retrain --promote` refuses it.",
        ),
        "percentunit",
        query(
            f"sum by (model) ({inside}) / ignoring (model) group_left () "
            f"sum({select('shadow_compared_forecasts_total', PAIR)})",
            "{{model}}",
        ),
    ).decimals(1)
    return with_lines_at(panel, ("red", target - off), ("green", target), ("red", target + off))


def _of(model: str) -> str:
    return f'model="{model}",{PAIR}'
