"""The overview's row on what happens to records: predictions, dead letters, transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import ABORTED, DEAD_LETTERS, percent
from monitoring.grafana.panels import about, bars, by_worker, lines, now, pie, query, third, with_lines_at
from monitoring.grafana.promql import (
    CLUSTER,
    INSTANCE,
    PARTITION,
    increase,
    mean,
    quantile,
    rate,
    select,
    total,
)

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row

_ABORTED = 'outcome=~"aborted|fenced",' + INSTANCE


def traffic() -> Row:
    """Returns a line on outcomes, a line on batches, and a line on failures."""
    return [*_outcomes(), *_batches(), *_failures()]


def _outcomes() -> Row:
    return [
        lines(
            "Outcomes per second",
            about(
                "Predictions and dead letters in committed transactions, and aborted or fenced transactions, per second.",
                "Only predictions. A few aborted transactions do no harm: their records are scored again and nothing is "
                "lost.",
                "For dead letters see the panels by code. Many aborted transactions cost throughput: check the brokers.",
            ),
            "cps",
            query(rate("predictions_published_total"), "predictions"),
            query(rate("dead_letters_total"), "dead letters"),
            query(rate("transactions_total", _ABORTED), "aborted transactions"),
        ).min(0),
        pie(
            "Outcomes in the time range",
            about(
                "Predictions, dead letters, and aborted or fenced transactions in the selected time range.",
                "Only predictions.",
                "Look up the dead letters by code with `ratecast dead-letters list`.",
            ),
            "short",
            now(total("predictions_published_total"), "predictions"),
            now(total("dead_letters_total"), "dead letters"),
            now(total("transactions_total", _ABORTED), "aborted transactions"),
        ),
        bars(
            "Dead letters by code",
            about(
                "Records that could not be scored, by reason.",
                "None.",
                "A burst of one code usually comes from one faulty producer. unknown_pair may only need a model that knows "
                "the pair.",
            ),
            "short",
            query(increase("dead_letters_total", by="code"), "{{code}}"),
        ).span(6),
    ]


def _batches() -> Row:
    return [
        third(
            lines(
                "Records consumed by partition",
                about(
                    "Records read from the input topic per second.",
                    "Steady. Partitions differ, because all messages of a pair go to one partition.",
                    "A partition at 0 while its lag grows is blocked, held back or without an owner. See the row Lag.",
                ),
                "cps",
                query(
                    rate("messages_consumed_total", PARTITION, by="topic, partition"),
                    "{{topic}} {{partition}}",
                ),
            )
        ),
        third(
            lines(
                "Transactions by outcome",
                about(
                    "Transactions per second.",
                    "Only committed ones, and a few aborted or fenced ones during a rebalance.",
                    "If transactions are aborted continuously, the brokers reject them or time out. If they are fenced "
                    "repeatedly, another program uses the same transactional ids.",
                ),
                "cps",
                query(rate("transactions_total", by="outcome"), "{{outcome}}"),
            )
        ),
        third(
            lines(
                "Batch size",
                about(
                    "Records scored together: the mean and the 95th percentile.",
                    "A few in light traffic, hundreds in a backlog. Large batches are why a backlog is worked off quickly.",
                    "If large batches make scoring slow, lower RATECAST_MAX_POLL_RECORDS.",
                ),
                "short",
                query(mean("batch_size_records"), "mean"),
                query(quantile(0.95, "batch_size_records"), "p95"),
            )
        ),
    ]


def _failures() -> Row:
    return [
        with_lines_at(
            third(
                lines(
                    "Dead-letter ratio by code",
                    about(
                        "Share of each dead-letter code among all outcomes of 15 minutes, over all workers.",
                        f"0. An alert fires above the dashed line, {percent(DEAD_LETTERS)}, once there are more than two such "
                        "messages.",
                        "Look at samples with `ratecast dead-letters list --code CODE`.",
                    ),
                    "percentunit",
                    query(select("ratecast:dead_letters:ratio_15m", CLUSTER), "{{code}}"),
                )
            ),
            ("red", DEAD_LETTERS),
        ),
        by_worker(
            "Aborted transaction ratio by worker",
            about(
                "Share of each worker's transactions in the last two minutes that were aborted.",
                f"0, and briefly more when a broker restarts. An alert fires after five minutes above the dashed "
                f"line, {percent(ABORTED)}.",
                "The worker's log names the partition and the error. Check the brokers first.",
            ),
            "percentunit",
            select("ratecast:transactions_aborted:ratio_2m"),
            ("red", ABORTED),
        ),
        by_worker(
            "Scoring errors by worker",
            about(
                "Records of the last 15 minutes on which scoring failed unexpectedly. They became dead letters with "
                "the code scoring_failed.",
                "0. An alert fires from the dashed line, 1.",
                "The program has a bug or the model is faulty. Go back to the previous model or release, and keep "
                "the traceback.",
            ),
            "short",
            select("ratecast:scoring_errors:increase_15m"),
            ("red", 1),
        ),
    ]
