"""The model page: how good are the forecasts, does the data still look like training, which model is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.frame import MODEL_UID, board
from monitoring.grafana.panels import bars, coloured, lines, now, query, rows, single, with_lines_at
from monitoring.grafana.promql import PAIR, increase, select, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.timeseries import Panel as Lines
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

DRIFT_SHARE = f"{select('feature_drift_score', PAIR)} / {select('feature_drift_threshold', PAIR)}"
ERROR_RATIO = f"max by (pair) ({select('forecast_error_ratio', PAIR)})"
RATE_AGE = f"min by (pair) ({select('rate_age_seconds', PAIR)})"
DAY = 86_400
# An 80 % share of 500 messages has a standard error of 1.8 points, a 95 % share of 1.0.
TARGETS = {"80": 0.80, "95": 0.95}


def dashboard() -> Dashboard:
    """`ratecast-model`."""
    return board(
        MODEL_UID,
        "ratecast: model and data quality",
        "Live accuracy, coverage of the ranges, drift against training, data-quality alerts, models in use.",
        [
            ("Now", [*_now(), _models_in_use()]),
            ("Accuracy", _accuracy()),
            ("Drift against training", _drift()),
            ("Data quality", _quality()),
            ("Model", _reloads()),
        ],
        partitions=False,
    )


def _coverage(level: str, by: str = "") -> str:
    series = select("interval_coverage_ratio", f'level="{level}",{PAIR}')
    return f"min by ({by}) ({series})" if by else f"min({series})"


def _now() -> Sequence[Builder[Panel]]:
    return [
        single(
            "Model versions in use",
            "How many different models the workers use. Normal: 1; 2 for some seconds while a new one is taken "
            "into use. Longer means that some workers refused it or cannot see it.",
            "short",
            query(f"count(count by (version) ({select('model_info')}))"),
            ("red", None),
            ("green", 1),
            ("yellow", 2),
        ),
        single(
            "Worst error ratio",
            "The highest ratio of the model's error to the last rate's, of all selected pairs. Normal: at or "
            "under 1.0; exactly 1 where the last rate is the forecast. Yellow from 1.01, red from 1.05.",
            "short",
            query(f"max({ERROR_RATIO})"),
            ("green", None),
            ("yellow", 1.01),
            ("red", 1.05),
        ).decimals(3),
        single(
            "Lowest coverage of the 95 % range",
            "The pair whose ranges held the fewest rates. Normal: 93 to 97 %, as 500 messages tell a share to "
            "a point or two and this is the worst of many. Yellow under 93 %, red under 91 %, where an alert is due.",
            "percentunit",
            query(_coverage("95")),
            ("red", None),
            ("yellow", 0.91),
            ("green", 0.93),
        ).decimals(1),
        single(
            "Features over their drift threshold",
            "Pairs and features whose last messages are further from training than training's own windows "
            "ever were, by either test. Normal: 0.",
            "short",
            query(f"count(count by (pair, feature) ({DRIFT_SHARE} > 1)) or vector(0)"),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Data-quality alerts",
            "Messages of the time shown whose newest rate looked odd. Normal: few; jumps and volatility "
            "regimes happen in real markets, slips and inverted quotes are faults of the feed.",
            "short",
            now(total("data_quality_alerts_total", PAIR)),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Oldest rate",
            "Age of the newest rate of the pair that is furthest behind. Normal for daily rates: under four "
            "days, a weekend and a holiday. In a replay of old rates it is the age of those rates.",
            "s",
            query(f"max({RATE_AGE})"),
            ("green", None),
            ("yellow", 4 * DAY),
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


def _accuracy() -> Sequence[Builder[Panel]]:
    return [
        with_lines_at(
            lines(
                "Error ratio to the last rate",
                "Mean absolute error of hindcasts over that of repeating the last rate, of each pair's last "
                "500 messages; the worst worker's. Normal: at or under the line at 1.0. Above it the forecast "
                "is worse than no forecast. No line until a pair has 100 messages.",
                "short",
                query(ERROR_RATIO, "{{pair}}"),
            ).decimals(3),
            ("red", 1.0),
        ),
        lines(
            "Messages behind accuracy",
            "Messages in each pair's window, 500 at most. Normal: full after a while; it begins anew when a "
            "partition moves or a model is exchanged, and under 100 nothing is said.",
            "short",
            query(f"sum by (pair) ({select('accuracy_window_messages', PAIR)})", "{{pair}}"),
        ).min(0),
        *(_coverage_lines(level, target) for level, target in TARGETS.items()),
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
    panel = lines(
        f"Coverage of the {level} % range",
        f"Share of newest rates that lay within the {level} % range forecast for them, of each pair's last 500 "
        f"messages. Normal: around the line at {level} %, give or take 4 points. Lower: ranges are too narrow, "
        "and who relies on them takes more risk than they say. Higher: too wide.",
        "percentunit",
        query(_coverage(level, by="pair"), "{{pair}}"),
    ).decimals(1)
    return with_lines_at(panel, ("green", target))


def _drift() -> Sequence[Builder[Panel]]:
    return [
        *(
            _drift_lines(test, name)
            for test, name in (("ks", "Kolmogorov-Smirnov"), ("psi", "stability index"))
        ),
        coloured(
            rows(
                "Drift score over threshold",
                "Each feature's score over its threshold by both tests, the worst first. Normal: all under 1. "
                "Both tests above 1 is a change of shape; KS alone a shift of the middle, PSI alone the tails.",
                "short",
                f"max by (pair, feature, test) ({DRIFT_SHARE})",
                ("pair", "feature", "test"),
                value="score / threshold",
            )
            .decimals(2)
            .span(12),
            "score / threshold",
            ("green", None),
            ("yellow", 0.8),
            ("red", 1.0),
        ),
        lines(
            "Messages behind drift",
            "Messages in each pair's drift window, 500 at most. Normal: full after a while; scores need 250, "
            "and begin anew when a partition moves or a model is exchanged.",
            "short",
            query(f"max by (pair) ({select('feature_drift_window_messages', PAIR)})", "{{pair}}"),
        ).min(0),
    ]


def _drift_lines(test: str, name: str) -> Lines:
    labels = f'test="{test}",{PAIR}'
    score, threshold = select("feature_drift_score", labels), select("feature_drift_threshold", labels)
    panel = lines(
        f"Drift by {test.upper()} over threshold",
        f"How far each feature's last messages are from training ({name}), over the score that training's own "
        "windows stayed under. Normal: under the line at 1. No line until a pair has 250 messages.",
        "short",
        query(f"max by (pair, feature) ({score} / {threshold})", "{{pair}} {{feature}}"),
    )
    return with_lines_at(panel.min(0).decimals(2), ("red", 1.0))


def _quality() -> Sequence[Builder[Panel]]:
    return [
        bars(
            "Quality alerts by code",
            "Messages whose newest rate looks odd, by what it looks like. Normal: few. A misplaced decimal, an "
            "inverted quote, a stuck feed and gaps are faults; a volatility regime is the market.",
            "short",
            query(increase("data_quality_alerts_total", PAIR, by="alert"), "{{alert}}"),
        ),
        bars(
            "Quality alerts by pair",
            "The same by pair. Normal: few. One pair alone points at its feed, all pairs at once at the source.",
            "short",
            query(increase("data_quality_alerts_total", PAIR, by="pair"), "{{pair}}"),
        ),
        coloured(
            rows(
                "Quality alerts in the time shown",
                "Every code of every pair that occurred, the most frequent first. Normal: few rows; one pair and code "
                "with hundreds of messages is a feed that stays broken.",
                "short",
                f"{total('data_quality_alerts_total', PAIR, by='pair, alert')} > 0",
                ("pair", "alert"),
                value="messages",
            ).span(12),
            "messages",
            ("transparent", None),
            ("yellow", 10),
            ("red", 100),
        ),
        lines(
            "Rate age by pair",
            "Now minus the day of the newest rate. Normal for daily rates: a saw of one day, up to four over "
            "weekends and holidays. In a replay it is the age of the rates replayed, and falls.",
            "s",
            query(RATE_AGE, "{{pair}}"),
        ).min(0),
    ]


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
        lines(
            "Time since training's last day",
            "Age of the newest rate that each worker's model was trained on. Normal: under a year and a month; "
            "older models leave more and more messages outside what training saw.",
            "s",
            query(f"time() - {select('model_trained_until_timestamp_seconds')}", "{{instance}}"),
        )
        .min(0)
        .span(8),
    ]
