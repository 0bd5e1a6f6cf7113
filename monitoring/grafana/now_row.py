"""The overview's first row: whether predictions are published, how late, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.firing_panels import alerts_firing
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
    percent,
)
from monitoring.grafana.panels import about, single, words
from monitoring.grafana.promql import (
    CLUSTER,
    KNOWN_PARTITIONS,
    LAG,
    LAG_SECONDS,
    PAIR,
    WORKERS,
    budget,
    quantile,
    rate,
    select,
    total,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.stat import Panel as Tile

    from monitoring.grafana.panels import Row

_SCORED = "prediction_requests_total"
_DRIFTED = "data_drift_requests_total"
_DRIFT_RATIO = " / ".join(f"sum(increase({select(counter, PAIR)}[5m]))" for counter in (_DRIFTED, _SCORED))
# The condition of RatecastPredictionsStalled, for all workers: 2 while messages are due in a cluster that publishes nothing,
# else 1 while predictions are published, else 0 while any partition is known.
# Of all jobs, because messages are due in a cluster and not in a job.
_PUBLISHED = f"rate({select('predictions_published_total', f'{CLUSTER},{WORKERS}')}[2m])"
_FLOW = (
    f"max(2 + 0 * ({select('ratecast:messages_due:sum', CLUSTER)} "
    f"unless on (cluster) (sum by (cluster) ({_PUBLISHED}) > 0))) "
    f"or 1 + 0 * (sum({_PUBLISHED}) > 0) or 0 * sum({select('ratecast:consumer_lag_records:max', CLUSTER)})"
)
# The conditions of RatecastCoverageOff and RatecastForecastWorseThanLastRate, or 0 while any pair has enough messages.
_POOR_FORECASTS = (
    f"count(group by (pair) (abs({select('ratecast:interval_coverage:standard_errors', PAIR)}) "
    f"> {budget('interval_coverage_standard_errors')}) or group by (pair) "
    f"({select('forecast_error_ratio', PAIR)} > {budget('forecast_error_ratio')})) "
    f"or 0 * count({select('forecast_error_ratio', PAIR)})"
)
_KNOWN = f'{KNOWN_PARTITIONS}{{{CLUSTER},partition=~"$partition"}}'
# The condition of RatecastPartitionWithoutOwner. An owner counts even if it is not among the selected workers.
_OWNERLESS = (
    f"count({_KNOWN} unless on (cluster, topic, partition) consumer_lag_records{{{CLUSTER},{WORKERS}}}) "
    f"or 0 * count({_KNOWN})"
)


def flow() -> Row:
    """Returns the first line: whether an alert fires, throughput, latency, lag and drift."""
    return [tile.span(3) for tile in (alerts_firing(), *_throughput(), *_lag(), _drift())]


def _throughput() -> list[Tile]:
    return [
        words(
            single(
                "Predictions flowing",
                about(
                    "Whether any worker published predictions in the last two minutes.",
                    "yes, or nothing due between rates that arrive once a day.",
                    "STALLED means that messages arrive or wait and none becomes a prediction. Follow the runbook.",
                ),
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
            about(
                "Messages scored per second, for the selected workers and pairs.",
                "Equal to the rate of arriving messages.",
                "If the lag grows, more messages arrive than are scored. Add workers.",
            ),
            "mps",
            rate(_SCORED, PAIR),
        ),
        single(
            "End-to-end p95",
            about(
                "95 % of records are committed within this time after the broker's timestamp. 5 s is the last bucket, so 5 s "
                "means 5 s or more.",
                f"Under 0.25 s. Yellow from {SLOW_TO_COMMIT:g} s, red from {TOO_SLOW_TO_COMMIT:g} s.",
                "In a backlog it is the age of the backlog: wait or add workers. Without lag the brokers are slow.",
            ),
            "s",
            quantile(0.95, "message_latency_seconds"),
            ("green", None),
            ("yellow", SLOW_TO_COMMIT),
            ("red", TOO_SLOW_TO_COMMIT),
        ),
        single(
            "Scoring p95",
            about(
                "95 % of records are scored and encoded within this time after the Kafka client's hand-over. The records of "
                "one poll are scored together.",
                f"Under 0.1 s. Yellow from {SLOW:g} s, red from {TOO_SLOW:g} s.",
                "The workers lack CPU or the batches are very large. Add workers.",
            ),
            "s",
            quantile(0.95, "inference_latency_seconds"),
            ("green", None),
            ("yellow", SLOW),
            ("red", TOO_SLOW),
        ),
    ]


def _lag() -> list[Tile]:
    return [
        single(
            "Record lag",
            about(
                "Records of the selected partitions that are not yet scored and committed. For a partition without an owner "
                "the brokers report it (kminion).",
                "Near 0, or falling after an outage or at the start of a replay. Yellow from "
                f"{BEHIND:,.0f}. Growing lag above that in one partition fires an alert.",
                "The row Lag shows whether to add workers or whether a partition is stopped.",
            ),
            "short",
            f"sum({LAG})",
            ("green", None),
            ("yellow", BEHIND),
        ),
        single(
            "Time lag",
            about(
                "Age of the oldest uncommitted record in the partition that is farthest behind, as its worker reports it.",
                f"Under a second. Yellow from {LATE / 60:g} min, red from {TOO_LATE / 60:g} min.",
                "Wait while it falls, or add workers. No data means that no worker reads: see the workers.",
            ),
            "s",
            f"max({LAG_SECONDS})",
            ("green", None),
            ("yellow", LATE),
            ("red", TOO_LATE),
        ),
    ]


def _drift() -> Tile:
    return single(
        "Drift ratio",
        about(
            "Share of the messages of the last five minutes with a feature outside the range of their pair in training.",
            f"Under {percent(DRIFTING)}, and more with a model that was trained long ago. Yellow from {percent(DRIFTING)}, red "
            f"from {percent(DRIFTED)}.",
            "Drift is not error: look at the coverage first. Then run `ratecast retrain`.",
        ),
        "percentunit",
        _DRIFT_RATIO,
        ("green", None),
        ("yellow", DRIFTING),
        ("red", DRIFTED),
    )


def state() -> Row:
    """Returns the second line: what is wrong, and counts in the time range."""
    return [*_problems(), *_counts()]


def _problems() -> Row:
    return [
        single(
            "Pairs with poor forecasts",
            about(
                "Pairs whose range contains far too many or too few rates, or whose forecasts are worse than the last rate. "
                "There is no data until a pair has 100 messages.",
                "0. Yellow from 1.",
                "The model dashboard shows the pairs. Run `ratecast retrain`.",
            ),
            "short",
            _POOR_FORECASTS,
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Workers",
            about(
                "Workers that Prometheus can scrape. A worker that runs but cannot be scraped does not count.",
                "As many as were started. Fewer than within the last hour fires an alert.",
                "Look at `docker compose ps -a worker` and at the last lines of the workers' logs.",
            ),
            "short",
            f"count({select('assigned_partitions')}) or vector(0)",
            ("red", None),
            ("green", 1),
        ),
        single(
            "Partitions without owner",
            about(
                "Partitions of the input topic that no worker reads. The brokers report the partitions (kminion). Without "
                "kminion those read within the last hour count.",
                "0, and more for some seconds during a rebalance.",
                "Messages of these partitions wait. Check the workers and their logs.",
            ),
            "short",
            _OWNERLESS,
            ("green", None),
            ("red", 1),
        ),
    ]


def _counts() -> Row:
    return [
        single(
            "Predictions",
            about(
                "Messages scored in the selected time range, also across restarts of workers.",
                "As many as were sent.",
                "Compare with the dead letters and the lag. `ratecast verify` accounts for every message.",
            ),
            "short",
            total(_SCORED, PAIR),
        ),
        single(
            "Dead letters",
            about(
                "Records in the selected time range that could not be scored. They are on the dead-letter topic with the "
                "reason.",
                "0.",
                "List them with `ratecast dead-letters list`.",
            ),
            "short",
            total("dead_letters_total"),
            ("green", None),
            ("yellow", 1),
        ),
        single(
            "Drifted messages",
            about(
                "Messages in the selected time range with a feature outside the range of their pair in training.",
                "A few in 100.",
                "Look at the drift ratio, which relates this number to all messages.",
            ),
            "short",
            total(_DRIFTED, PAIR),
        ),
    ]
