"""The overview: do predictions flow, how late, how far behind, does the model still fit, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.flow import latency, traffic
from monitoring.grafana.frame import OVERVIEW_UID, board
from monitoring.grafana.health import drift, lag, workers
from monitoring.grafana.limits import (
    BEHIND,
    DRIFTED,
    DRIFTING,
    LATE,
    SLOW,
    SLOW_TO_COMMIT,
    TOO_LATE,
    TOO_SLOW,
    TOO_SLOW_TO_COMMIT,
)
from monitoring.grafana.panels import ascending, linked, rows, single, states, worded
from monitoring.grafana.promql import (
    FIRING,
    KNOWN_PARTITIONS,
    LAG,
    LAG_SECONDS,
    PAIR,
    SENT,
    quantile,
    rate,
    select,
    total,
)
from monitoring.grafana.runbooks import url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

SCORED = "prediction_requests_total"
DRIFTED_MESSAGES = "data_drift_requests_total"
_SHARE_OF_FIVE_MINUTES = " / ".join(
    f"sum(increase({select(counter, PAIR)}[5m]))" for counter in (DRIFTED_MESSAGES, SCORED)
)
# As RatecastPredictionsStalled asks, of all workers: 1 while predictions are published, else 2 while something is due,
# else 0 while anybody knows of a partition.
_FLOW = (
    "1 + 0 * (sum(rate(predictions_published_total[2m])) > 0) or 2 + 0 * ratecast:messages_due:sum "
    "or 0 * sum(ratecast:consumer_lag_records:max)"
)
# As RatecastCoverageOff and RatecastForecastWorseThanLastRate ask, and 0 of the pairs that have an answer.
_MISFITS = (
    f"count(group by (pair) (abs({select('ratecast:interval_coverage:standard_errors', PAIR)}) "
    "> scalar(ratecast:budget:interval_coverage_standard_errors)) or group by (pair) "
    f"({select('forecast_error_ratio', PAIR)} > scalar(ratecast:budget:forecast_error_ratio))) "
    f"or 0 * count({select('forecast_error_ratio', PAIR)})"
)
_KNOWN = f'{KNOWN_PARTITIONS}{{partition=~"$partition"}}'
# As RatecastPartitionWithoutOwner asks: whoever the chosen workers are, an owner is an owner.
_OWNERLESS = f"count({_KNOWN} unless on (topic, partition) consumer_lag_records) or 0 * count({_KNOWN})"


def dashboard() -> Dashboard:
    """`ratecast-overview`."""
    return board(
        OVERVIEW_UID,
        "ratecast: overview",
        "Traffic, latency, lag, drift and health of all workers.",
        [
            ("Now", [*_questions(), *_state(), _active_alerts()]),
            ("Traffic", traffic()),
            ("Latency", latency()),
            ("Drift", drift()),
            ("Lag", lag()),
            ("Workers", workers()),
        ],
        partitions=True,
    )


def _questions() -> Sequence[Builder[Panel]]:
    """The first line: do predictions flow, how late, how far behind, does the model still fit."""
    return [
        tile.span(3)
        for tile in (
            states(
                single(
                    "Predictions flow",
                    "Of all workers, in the last two minutes. Yes: predictions were published. Nothing due: no "
                    "message came and none waits. STALLED: messages wait or come in and none becomes a prediction. "
                    "Normal: yes, or nothing due between rates that come once a day.",
                    "short",
                    _FLOW,
                    ("blue", None),
                    ("green", 1),
                    ("red", 2),
                ),
                "nothing due",
                "yes",
                "STALLED",
            ),
            single(
                "Prediction rate",
                "Messages scored a second, all selected workers and pairs. Normal: what comes in; compare it with "
                "the lag, which grows when more comes in than is scored.",
                "mps",
                rate(SCORED, PAIR),
            ),
            single(
                "End-to-end p95",
                "95 of 100 records had their outcome committed within this time of the broker's timestamp. Normal: "
                "under 0.25 s when workers keep up; in a backlog it is the age of the backlog, and 5 s is the last "
                f"bucket, so more shows as 5 s. Yellow from {SLOW_TO_COMMIT:g} s, red from {TOO_SLOW_TO_COMMIT:g} s.",
                "s",
                quantile(0.95, "message_latency_seconds"),
                ("green", None),
                ("yellow", SLOW_TO_COMMIT),
                ("red", TOO_SLOW_TO_COMMIT),
            ),
            single(
                "Scoring p95",
                "95 of 100 records were scored and encoded within this time of being handed over by the client. "
                f"Normal: under 0.1 s, as records of one poll are scored together. Yellow from {SLOW:g} s, red from "
                f"{TOO_SLOW:g} s.",
                "s",
                quantile(0.95, "inference_latency_seconds"),
                ("green", None),
                ("yellow", SLOW),
                ("red", TOO_SLOW),
            ),
            single(
                "Lag",
                "Records of the selected partitions that wait to be scored and committed, whoever owns them: where "
                "nobody does, it is what the brokers say (kminion). Normal: near 0, or falling after an outage or at "
                f"the beginning of a replay. Yellow from {BEHIND:,.0f}: from there a partition's lag that grows is an alert.",
                "short",
                f"sum({LAG})",
                ("green", None),
                ("yellow", BEHIND),
            ),
            single(
                "Lag in time",
                "Age of the oldest record not yet committed, in the partition that is furthest behind, as its worker "
                "says. Normal: under a second. No data: no worker reads, and how old what waits is, nobody knows. "
                f"Yellow from {LATE / 60:g} minute, red from {TOO_LATE / 60:g}.",
                "s",
                f"max({LAG_SECONDS})",
                ("green", None),
                ("yellow", LATE),
                ("red", TOO_LATE),
            ),
            single(
                "Drift ratio",
                "Share of the last five minutes' messages with a feature outside what training saw of its pair. "
                f"Normal: under {DRIFTING:.0%}, more with a model that was trained long ago; drift is not error. "
                f"Yellow from {DRIFTING:.0%}, red from {DRIFTED:.0%}.",
                "percentunit",
                _SHARE_OF_FIVE_MINUTES,
                ("green", None),
                ("yellow", DRIFTING),
                ("red", DRIFTED),
            ),
            single(
                "Pairs that do not fit",
                "Pairs whose last messages say that the model is wrong about them: a range holds far more or fewer "
                "rates than it promises, or forecasts are worse than the last rate. Normal: 0. Yellow from 1; the "
                "model page names them. No data until a pair has 100 messages.",
                "short",
                _MISFITS,
                ("green", None),
                ("yellow", 1),
            ),
        )
    ]


def _state() -> Sequence[Builder[Panel]]:
    """The second line: what is wrong, what runs, and what came of the time shown."""
    return [
        single(
            "Alerts firing",
            "Alerts of the selected pairs and workers that fire now, warning or critical. The table below names them, "
            "and those for information. Normal: 0.",
            "short",
            f"count({SENT}) or vector(0)",
            ("green", None),
            ("red", 1),
        ),
        single(
            "Workers",
            "Workers that Prometheus can scrape. Normal: as many as were started; fewer than within the hour is an "
            "alert. A worker that is alive but cannot be scraped is not counted.",
            "short",
            f"count({select('assigned_partitions')}) or vector(0)",
            ("red", None),
            ("green", 1),
        ),
        single(
            "Partitions without owner",
            "Partitions of the input topic that no worker reads, of those that the brokers have (kminion), or that "
            "were read within the hour. Normal: 0, some for seconds in a rebalance. What is in them waits.",
            "short",
            _OWNERLESS,
            ("green", None),
            ("red", 1),
        ),
        single(
            "Predictions",
            "Messages scored in the time shown, restarts of workers included. Normal: whatever was sent.",
            "short",
            total(SCORED, PAIR),
        ),
        single(
            "Dead letters",
            "Records of the time shown that could not be scored; they are on the dead-letter topic with the "
            "reason. Normal: 0. `ratecast dead-letters list` shows them.",
            "short",
            total("dead_letters_total"),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Drifted messages",
            "Messages of the time shown with a feature outside what training saw of its pair. Normal: a few of "
            "100; the ratio says more than the number.",
            "short",
            total(DRIFTED_MESSAGES, PAIR),
        ),
    ]


def _active_alerts() -> Builder[Panel]:
    columns = ("alertname", "severity", "pair", "topic", "partition", "instance")
    table = rows(
        "Active alerts",
        "Every alert that fires now, with what it is about, the critical ones first. Normal: none, and the table is "
        "empty. The name of an alert leads to its runbook: what it means, where to look, what to do.",
        "short",
        f"max by ({', '.join(columns)}) ({FIRING})",
        columns,
    )
    table = linked(table, "alertname", "Runbook ${__value.text}", url("${__value.text}"))
    table = worded(table, "severity", {"critical": "red", "warning": "orange", "info": "blue"})
    return table.sort_by([ascending("severity")]).no_value("no alert fires").height(6)
