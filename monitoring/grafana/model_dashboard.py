"""The model dashboard: accuracy of forecasts, drift of the data, models in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.accuracy_row import ERROR_RATIO, accuracy
from monitoring.grafana.feature_drift_row import feature_drift
from monitoring.grafana.frame import MODEL_UID, board
from monitoring.grafana.limits import DAY, DRIFTED_PAIRS, OFF_TARGET, STALE, WORSE_THAN_LAST_RATE, percent
from monitoring.grafana.model_drift_row import model_drift
from monitoring.grafana.model_row import models_in_use, reloads_and_age
from monitoring.grafana.panels import about, single
from monitoring.grafana.promql import PAIR, select, total
from monitoring.grafana.quality_row import FAULTS, RATE_AGE, quality
from monitoring.grafana.rate_row import rates
from monitoring.grafana.shadow_row import shadow
from monitoring.windows.accuracy import MIN_MESSAGES

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

    from monitoring.grafana.panels import Row

_KS = f'test="ks",{PAIR}'
# Only KS, because PSI also flags periods that are calmer than any in training.
_DRIFTED_PAIRS = (
    f"(count(count by (pair) ({select('feature_drift_score', _KS)} > {select('feature_drift_threshold', _KS)})) "
    f"or vector(0)) / count(count by (pair) ({select('feature_drift_score', _KS)}))"
)


def dashboard() -> Dashboard:
    """Returns the dashboard `ratecast-model`."""
    return board(
        MODEL_UID,
        "ratecast: model and data quality",
        "Live accuracy, coverage of the ranges, drift against training, data-quality alerts, models in use, rates and ranges.",
        [
            ("Now", [*_model_now(), *_data_now(), models_in_use()]),
            ("Accuracy", accuracy()),
            ("Drift against training", [*feature_drift(), *model_drift()]),
            ("Data quality", quality()),
            ("Model", reloads_and_age()),
            ("Shadow", shadow()),
            ("Rate and range", rates()),
        ],
        partitions=False,
    )


def _model_now() -> Row:
    return [
        single(
            "Model versions in use",
            about(
                "Number of different models that the workers use.",
                "1, and 2 for some seconds while a new model is loaded.",
                "Some workers have rejected the new model or cannot see it. See the table Models in use.",
            ),
            "short",
            f"count(count by (version) ({select('model_info')}))",
            ("red", None),
            ("green", 1),
            ("yellow", 2),
        ),
        single(
            "Worst error ratio",
            about(
                "The highest ratio of forecast error to the error of the last rate among the selected pairs.",
                "At or under 1.0. It is exactly 1 where the forecast is the last rate. Yellow from 1.01, red from "
                f"{WORSE_THAN_LAST_RATE:g}.",
                "The row Accuracy shows the pair. Run `ratecast retrain`.",
            ),
            "short",
            f"max({ERROR_RATIO})",
            ("green", None),
            ("yellow", 1.01),
            ("red", WORSE_THAN_LAST_RATE),
        ).decimals(3),
        single(
            "Coverage off target",
            about(
                "How many standard errors coverage is away from what the range promises, too low or too high, for the pair "
                "and range where it is most. A standard error takes into account how many messages there are, "
                f"{MIN_MESSAGES} to 500.",
                f"Under 3. Yellow from 3, red from {OFF_TARGET:g}, the threshold of the alert.",
                "The row Accuracy shows the pair. If the range is too narrow, run `ratecast retrain`.",
            ),
            "short",
            f"max(abs({select('ratecast:interval_coverage:standard_errors', PAIR)}))",
            ("green", None),
            ("yellow", 3),
            ("red", OFF_TARGET),
        ).decimals(1),
    ]


def _data_now() -> Row:
    return [
        single(
            "Pairs over their drift threshold",
            about(
                "Share of pairs with a return whose last 250 to 500 values are farther from training, by the KS test, than "
                "99.5 % of training's windows.",
                "0 to 5 %. Pairs move together, and up to 5 % of windows without a fault exceed the threshold. Yellow from "
                f"10 %, red from {percent(DRIFTED_PAIRS)}, the threshold of the alert.",
                "The row Drift against training shows the pairs. If it lasts, run `ratecast retrain`.",
            ),
            "percentunit",
            _DRIFTED_PAIRS,
            ("green", None),
            ("yellow", 0.10),
            ("red", DRIFTED_PAIRS),
        ),
        single(
            "Data-quality alerts",
            about(
                "Messages in the selected time range whose newest rate looks wrong. Weekends that repeat Friday's rate "
                "(carried_forward) do not count.",
                "Few. A volatility_regime is the market, and a jump may be.",
                "All other codes are faults of the feed. Every code except volatility_regime fires an alert. The row Data "
                "quality shows the pair and the code.",
            ),
            "short",
            total("data_quality_alerts_total", FAULTS),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Oldest rate",
            about(
                "Age of the newest rate of the pair that is farthest behind.",
                "For daily rates under four days, a weekend and a holiday. In a replay it is the age of the replayed rates "
                f"and fires no alert. Yellow from {STALE / DAY:g} days, red from 7.",
                "Check whether the producer runs and whether its `as_of` changes.",
            ),
            "s",
            f"max({RATE_AGE})",
            ("green", None),
            ("yellow", STALE),
            ("red", 7 * DAY),
        ),
    ]
