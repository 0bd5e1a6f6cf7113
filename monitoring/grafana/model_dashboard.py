"""The model page: how good are the forecasts, does the data still look like training, which model is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.accuracy_row import ERROR_RATIO, accuracy
from monitoring.grafana.frame import MODEL_UID, board
from monitoring.grafana.limits import DAY, DRIFTED_PAIRS, OFF_TARGET, OLD, STALE, WORSE_THAN_LAST_RATE
from monitoring.grafana.panels import bars, lines, query, rows, single, with_lines_at
from monitoring.grafana.promql import PAIR, increase, select, total
from monitoring.grafana.quality_row import ODD, RATE_AGE, drift, quality
from monitoring.windows.accuracy import MIN_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

_KS = f'test="ks",{PAIR}'
# PSI is shown and not judged: it flags times that are calmer than any in training.
_DRIFTED_PAIRS = (
    f"(count(count by (pair) ({select('feature_drift_score', _KS)} > {select('feature_drift_threshold', _KS)})) "
    f"or vector(0)) / count(count by (pair) ({select('feature_drift_score', _KS)}))"
)


def dashboard() -> Dashboard:
    """`ratecast-model`."""
    return board(
        MODEL_UID,
        "ratecast: model and data quality",
        "Live accuracy, coverage of the ranges, drift against training, data-quality alerts, models in use.",
        [
            ("Now", [*_now(), _models_in_use()]),
            ("Accuracy", accuracy()),
            ("Drift against training", drift()),
            ("Data quality", quality()),
            ("Model", _reloads()),
        ],
        partitions=False,
    )


def _now() -> Sequence[Builder[Panel]]:
    return [
        single(
            "Model versions in use",
            "How many different models the workers use. Normal: 1; 2 for some seconds while a new one is taken "
            "into use. Longer means that some workers refused it or cannot see it.",
            "short",
            f"count(count by (version) ({select('model_info')}))",
            ("red", None),
            ("green", 1),
            ("yellow", 2),
        ),
        single(
            "Worst error ratio",
            "The highest ratio of the model's error to the last rate's, of all selected pairs. Normal: at or "
            f"under 1.0; exactly 1 where the last rate is the forecast. Yellow from 1.01, red from {WORSE_THAN_LAST_RATE:g}.",
            "short",
            f"max({ERROR_RATIO})",
            ("green", None),
            ("yellow", 1.01),
            ("red", WORSE_THAN_LAST_RATE),
        ).decimals(3),
        single(
            "Coverage off target",
            "How many standard errors the share of rates within a range is off what the range promises, too few or too "
            "many, at the pair and range where it is most. A standard error allows for how many messages the share is "
            f"of, {MIN_MESSAGES} to 500. Normal: under 3. Yellow from 3, red from {OFF_TARGET:g}, where an alert is due.",
            "short",
            f"max(abs({select('ratecast:interval_coverage:standard_errors', PAIR)}))",
            ("green", None),
            ("yellow", 3),
            ("red", OFF_TARGET),
        ).decimals(1),
        single(
            "Pairs over their drift threshold",
            "Share of pairs with a return whose last 250 to 500 values are further from training, by KS, than 99.5 % of "
            "training's own windows. Normal: 0 to 5 %, as up to 5 % of clean windows are, and pairs move together. "
            f"Yellow from 10 %, red from {DRIFTED_PAIRS:.0%}, where an alert is due.",
            "percentunit",
            _DRIFTED_PAIRS,
            ("green", None),
            ("yellow", 0.10),
            ("red", DRIFTED_PAIRS),
        ),
        single(
            "Data-quality alerts",
            "Messages of the time shown whose newest rate looked odd. Normal: few. A volatility regime is the market, a "
            "jump may be; every other code is a fault of the feed, and each fault an alert. Weekends that repeat "
            "Friday's rate (carried_forward) are not counted here.",
            "short",
            total("data_quality_alerts_total", ODD),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Oldest rate",
            "Age of the newest rate of the pair that is furthest behind. Normal for daily rates: under four "
            "days, a weekend and a holiday. In a replay of old rates it is the age of those rates, and no alert. "
            f"Yellow from {STALE / DAY:g} days, red from 7.",
            "s",
            f"max({RATE_AGE})",
            ("green", None),
            ("yellow", STALE),
            ("red", 7 * DAY),
        ),
    ]


def _models_in_use() -> Builder[Panel]:
    loaded = select("model_loaded_timestamp_seconds")
    expr = (
        f"max by (version, trained_until, runtime, instance) "
        f"({loaded} * on (job, instance) group_right () {select('model_info')}) * 1000"
    )
    return rows(
        "Models in use",
        "The model of each worker, until when it was trained, and since when it is in use. Normal: one version "
        "everywhere. Purple marks on all graphs show when a version appeared.",
        "dateTimeAsIso",
        expr,
        ("version", "trained_until", "runtime", "instance"),
        value="in use since",
    ).height(6)


def _reloads() -> Sequence[Builder[Panel]]:
    return [
        bars(
            "Model reloads",
            "New models taken into use or refused while running, all workers. Normal: one loaded by each "
            "worker when a model is put into place; refused ones failed their digests or their parity check.",
            "short",
            query(increase("model_reloads_total", by="outcome"), "{{outcome}}"),
        ).span(8),
        lines(
            "Time since the model was loaded",
            "How long each worker has used its model. Normal: the same for all, less for one that was started later; "
            "0 again when a new model is taken into use.",
            "s",
            query(f"time() - {select('model_loaded_timestamp_seconds')}", "{{instance}}"),
        )
        .min(0)
        .span(8),
        with_lines_at(
            lines(
                "Time since training's last day",
                "From the newest rate that a model was trained on: by worker until now, and, as the alert counts it, "
                "until the newest rate scored, so that a replay is judged by its own time. Normal: under the dashed "
                f"line at {OLD / DAY:g} days. Older models leave more and more messages outside what training saw.",
                "s",
                query("ratecast:model_age_seconds", "until the newest rate scored"),
                query(
                    f"time() - {select('model_trained_until_timestamp_seconds')}", "until now, {{instance}}"
                ),
            )
            .min(0)
            .span(8),
            ("red", OLD),
        ),
    ]
