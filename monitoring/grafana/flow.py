"""The overview's panels on what flows through, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import (
    ABORTED,
    DEAD_LETTERS,
    SLOW,
    SLOW_TO_COMMIT,
    TOO_SLOW,
    TOO_SLOW_TO_COMMIT,
)
from monitoring.grafana.panels import bars, distribution, lines, now, pie, query, with_lines_at
from monitoring.grafana.promql import INSTANCE, PARTITION, increase, mean, quantile, rate, select, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.timeseries import Panel as Lines
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel


def traffic() -> Sequence[Builder[Panel]]:
    """Outcomes, records, transactions, batches; then what of it failed."""
    aborted = 'outcome=~"aborted|fenced",' + INSTANCE
    return [
        lines(
            "Rate by outcome",
            "Predictions and dead letters in committed transactions, and transactions that were aborted or "
            "fenced, a second. Normal: predictions only. An aborted transaction is done again and loses "
            "nothing; many of them cost throughput.",
            "cps",
            query(rate("predictions_published_total"), "predictions"),
            query(rate("dead_letters_total"), "dead letters"),
            query(rate("transactions_total", aborted), "aborted transactions"),
        ).min(0),
        pie(
            "Outcomes",
            "What became of the time shown: predictions, dead letters, aborted or fenced transactions. Normal: "
            "all predictions.",
            "short",
            now(total("predictions_published_total"), "predictions"),
            now(total("dead_letters_total"), "dead letters"),
            now(total("transactions_total", aborted), "aborted transactions"),
        ),
        bars(
            "Dead letters by code",
            "Records that could not be scored, by reason. Normal: none. One code at once usually is one "
            "producer with a fault; unknown_pair may only need a model that knows the pair.",
            "short",
            query(increase("dead_letters_total", by="code"), "{{code}}"),
        ).span(6),
        lines(
            "Records consumed by partition",
            "Records polled a second. Normal: steady, and uneven when some pairs send more than others, as a "
            "pair keeps to its partition.",
            "cps",
            query(
                rate("messages_consumed_total", PARTITION, by="topic, partition"), "{{topic}} {{partition}}"
            ),
        )
        .min(0)
        .span(8),
        lines(
            "Transactions by outcome",
            "Transactions a second. Normal: committed only; a few aborted or fenced ones in a rebalance. "
            "Steadily aborted ones mean that brokers refuse or time out.",
            "cps",
            query(rate("transactions_total", by="outcome"), "{{outcome}}"),
        )
        .min(0)
        .span(8),
        lines(
            "Batch size",
            "Records scored together: the mean and the 95th percentile. Normal: a few when traffic is light, "
            "hundreds in a backlog, which is what makes catching up quick.",
            "short",
            query(mean("batch_size_records"), "mean"),
            query(quantile(0.95, "batch_size_records"), "p95"),
        )
        .min(0)
        .span(8),
        with_lines_at(
            lines(
                "Dead letters, share by code",
                "Share that each code has of all outcomes of 15 minutes, all workers. Normal: 0. Over the dashed "
                f"line, {DEAD_LETTERS:.0%}, it is an alert once there are more than two such messages.",
                "percentunit",
                query("ratecast:dead_letters:ratio_15m", "{{code}}"),
            )
            .min(0)
            .span(8),
            ("red", DEAD_LETTERS),
        ),
        with_lines_at(
            lines(
                "Aborted transactions, share by worker",
                "Share of each worker's transactions of two minutes that were aborted. Normal: 0, more for moments "
                f"when a broker restarts. Over the dashed line, {ABORTED:.0%}, for five minutes it is an alert.",
                "percentunit",
                query(select("ratecast:transactions_aborted:ratio_2m"), "{{instance}}"),
            )
            .min(0)
            .span(8),
            ("red", ABORTED),
        ),
        with_lines_at(
            lines(
                "Scoring errors by worker",
                "Records of 15 minutes on which scoring failed unexpectedly. Each became a scoring_failed dead letter. "
                "Normal: 0. From the dashed line, 1, it is an alert: the program has a bug, or the model is faulty.",
                "short",
                query(select("ratecast:scoring_errors:increase_15m"), "{{instance}}"),
            )
            .min(0)
            .span(8),
            ("red", 1),
        ),
    ]


def latency() -> Sequence[Builder[Panel]]:
    """Scoring beside end to end."""
    return [
        _percentiles(
            "Scoring latency",
            "From a record's hand-over by the client until its prediction is encoded. Normal: p95 under 0.1 s. "
            f"The dashed lines are at {SLOW:g} and {TOO_SLOW:g} s.",
            "inference_latency_seconds",
            (SLOW, TOO_SLOW),
        ),
        _percentiles(
            "End-to-end latency",
            "From the broker's timestamp until the transaction is committed: waiting, scoring and publishing. "
            "Normal: somewhat above scoring; far above means a backlog or slow commits. The dashed lines are at "
            f"{SLOW_TO_COMMIT:g} and {TOO_SLOW_TO_COMMIT:g} s; 5 s is the last bucket.",
            "message_latency_seconds",
            (SLOW_TO_COMMIT, TOO_SLOW_TO_COMMIT),
        ),
        distribution(
            "Scoring latency, distribution",
            "How many records took how long, each column adding up to its records. Normal: one band under "
            "0.1 s; a second band higher up is what percentiles hide.",
            "s",
            increase("inference_latency_seconds_bucket", by="le"),
        ),
        distribution(
            "End-to-end latency, distribution",
            "The same until the commit. Normal: one band; a rising band is a backlog that grows.",
            "s",
            increase("message_latency_seconds_bucket", by="le"),
        ),
    ]


def _percentiles(title: str, description: str, histogram: str, limits: tuple[float, float]) -> Lines:
    targets = [
        query(quantile(q, histogram), name) for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]
    panel = lines(title, description, "s", *targets).min(0)
    return with_lines_at(panel, ("yellow", limits[0]), ("red", limits[1]))
