"""The colours of the panels begin at the thresholds of the alerts."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from monitoring.grafana import build
from monitoring.windows import accuracy
from tests import dashboards
from tests.dashboards import panel_of, panels, steps
from training.model_comparison import TOLERANCE
from training.shadow_trial import FORECASTS, OFF_TARGET

RECORDING = Path(build.__file__).parents[1] / "prometheus/rules/recording.yml"
# The threshold at which each colour of a panel begins. Every panel must be in one of these three collections.
BUDGETED = {
    "Scoring p95": {"red": "inference_latency_seconds"},
    "Scoring latency": {"red": "inference_latency_seconds"},
    "End-to-end p95": {"red": "message_latency_seconds"},
    "End-to-end latency": {"red": "message_latency_seconds"},
    "Drift ratio": {"red": "data_drift_ratio"},
    "Drift ratio over time": {"red": "data_drift_ratio"},
    "Drift ratio by pair": {"red": "data_drift_ratio"},
    "Record lag": {"yellow": "consumer_lag_records"},
    "Record lag by partition": {"yellow": "consumer_lag_records"},
    "Time lag": {"yellow": "consumer_lag_seconds warning", "red": "consumer_lag_seconds critical"},
    "Time lag by partition": {
        "yellow": "consumer_lag_seconds warning",
        "red": "consumer_lag_seconds critical",
    },
    "Dead-letter ratio by code": {"red": "dead_letters_ratio"},
    "Aborted transaction ratio by worker": {"red": "transactions_aborted_ratio"},
    "Worst error ratio": {"red": "forecast_error_ratio"},
    "Error ratio to the last rate": {"red": "forecast_error_ratio"},
    "Coverage off target": {"red": "interval_coverage_standard_errors"},
    "Coverage of the 80 % range": {"green": "interval_coverage_ratio 80"},
    "Coverage of the 95 % range": {"green": "interval_coverage_ratio 95"},
    "Pairs over their drift threshold": {"red": "feature_drift_pairs_ratio"},
    "Lag of the sink": {"red": "sink_lag_seconds"},
    "Late rates of the feed": {"red": "feed_late_seconds"},
    "Oldest rate": {"yellow": "rate_age_seconds"},
    "Rate age by pair": {"yellow": "rate_age_seconds"},
    "Time since the last training day": {"red": "model_age_seconds"},
}
# Colours without a threshold in the rules: counts that must be 0 or 1, words, ratios to another threshold.
COLOURED_BY_MEANING = {
    "Predictions flowing", "Pairs with poor forecasts", "Alerts firing", "Workers", "Partitions without owner", "Dead letters",
    "Scoring errors by worker", "Records held back by partition", "Blocked partitions by worker",
    "Records lost to retention", "Workers rejected by the group",
    "CPU by worker", "Model versions in use", "Data-quality alerts", "Data-quality alerts by pair and code",
    "Messages in the accuracy window", "Messages in the drift window",
    "Drift by KS over threshold", "Drift by PSI over threshold", "Drift score over threshold",
    "Winkler ratio of the shadow model", "Forecasts compared with the shadow model",
    "Coverage of both models' 80 % range", "Coverage of both models' 95 % range",
    "Model drift over threshold",
}  # fmt: skip
# Counts and rates without a bad value, distributions, and lists.
WITHOUT_THRESHOLDS = {
    "Prediction rate", "Predictions", "Drifted messages", "Active alerts",
    "Outcomes per second", "Outcomes in the time range", "Dead letters by code", "Records consumed by partition", "Transactions by outcome",
    "Batch size", "Scoring latency distribution", "End-to-end latency distribution",
    "Assigned partitions by worker", "Rebalances by worker", "HTTP requests", "Memory by worker",
    "Rows written by table", "Failures of the sink's database", "Polls by outcome", "Refused by the feed",
    "Half width of the ranges", "Rate and range of $pair",
    "Models in use", "Changes of accuracy", "Messages excluded from accuracy",
    "Drift and importance of the range forest's inputs",
    "Data-quality alerts by code", "Data-quality alerts by pair", "Model reloads", "Time since the model was loaded",
}  # fmt: skip


def budgets() -> dict[str, float]:
    """Returns the value of every threshold in `recording.yml` by name, with its severity or level if it has one."""
    (group,) = [
        group
        for group in yaml.safe_load(RECORDING.read_text())["groups"]
        if group["name"] == "ratecast-budgets"
    ]
    return {
        " ".join(
            [rule["record"].removeprefix("ratecast:budget:"), *rule.get("labels", {}).values()]
        ): math.prod(float(factor) for factor in str(rule["expr"]).split("*"))
        for rule in group["rules"]
    }


def test_thresholds_of_the_first_service_are_kept():
    assert steps(panel_of("Scoring p95")) == [("green", None), ("yellow", 0.25), ("red", 0.5)]
    assert steps(panel_of("Drift ratio")) == [("green", None), ("yellow", 0.15), ("red", 0.30)]


@pytest.mark.parametrize(("title", "colours"), BUDGETED.items(), ids=BUDGETED)
def test_a_colour_begins_at_the_threshold_of_its_alert(title, colours):
    known = budgets()
    begins = dict(steps(panel_of(title)))
    assert {color: begins[color] for color in colours} == {
        color: pytest.approx(known[budget]) for color, budget in colours.items()
    }


@pytest.mark.parametrize("level", ["80", "95"])
def test_coverage_is_red_where_a_full_window_fires_an_alert(level):
    known = budgets()
    target = known[f"interval_coverage_ratio {level}"]
    error = math.sqrt(target * (1 - target) / accuracy.WINDOW_MESSAGES)
    off = known["interval_coverage_standard_errors"] * error
    red = [value for color, value in steps(panel_of(f"Coverage of the {level} % range")) if color == "red"]
    assert red == pytest.approx([target - off, target + off], abs=1e-4)


def test_the_shadow_row_shows_the_limits_of_its_promotion():
    assert dict(steps(panel_of("Winkler ratio of the shadow model")))["red"] == 1 + TOLERANCE
    assert dict(steps(panel_of("Forecasts compared with the shadow model")))["green"] == FORECASTS
    for level in ("80", "95"):
        target = int(level) / 100
        off = OFF_TARGET * math.sqrt(target * (1 - target) / FORECASTS)
        shown = steps(panel_of(f"Coverage of both models' {level} % range"))
        assert [value for color, value in shown if color == "red"] == pytest.approx(
            [target - off, target + off]
        )


def test_every_panel_has_thresholds_or_is_listed_as_having_none():
    by_title = {panel["title"]: steps(panel) for board in dashboards.dashboards() for panel in panels(board)}
    assert {title for title, found in by_title.items() if not found} == WITHOUT_THRESHOLDS
    assert {title for title, found in by_title.items() if found} == BUDGETED.keys() | COLOURED_BY_MEANING
    assert not BUDGETED.keys() & COLOURED_BY_MEANING
