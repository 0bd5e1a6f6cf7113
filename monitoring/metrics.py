"""All metrics of a worker. The first five keep the names of the original HTTP service."""

from __future__ import annotations

import datetime as dt
import platform
import time
from collections import Counter as Tally
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import Counter, Gauge

from monitoring.accuracy_collector import AccuracyCollector
from monitoring.batch_histogram import BatchHistogram
from monitoring.feature_drift_collector import FeatureDriftCollector
from monitoring.lag import LagCollector, PartitionLag
from monitoring.model_drift_collector import ModelDriftCollector
from monitoring.newest_collector import NewestCollector
from monitoring.shadow_metrics import ShadowMetrics
from monitoring.windows.live import LiveMonitor
from monitoring.windows.rolling_share import RollingShare
from ratecast.contract.alerts import Alert
from ratecast.errors import ErrorCode
from ratecast.release import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prometheus_client import CollectorRegistry

    from ratecast.contract.trace_context import TraceContext
    from ratecast.model.training_stats import TrainingStats
    from ratecast.scoring.scored_batch import ScoredBatch

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCH_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
DRIFT_WINDOW_SECONDS = 300.0
TRANSACTION_OUTCOMES = ("committed", "aborted", "fenced")
RELOAD_OUTCOMES = ("loaded", "refused")


class WorkerMetrics:
    """The counters, gauges and histograms of a worker.

    Args:
        registry: registry to expose the metrics in.
        partitions: returns the lag of the assigned partitions; called at every scrape.
        with_rates: whether to expose each pair's newest rate and its range.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        partitions: Callable[[], Iterable[PartitionLag]],
        *,
        with_rates: bool = True,
    ) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        by_pair, by_partition = ["pair"], ["topic", "partition"]

        self._prediction_requests = counter(
            "prediction_requests_total",
            "Messages that were scored, and whose prediction was committed.",
            by_pair,
        )
        self._inference_latency = BatchHistogram(
            "inference_latency_seconds",
            "Time from receiving a message from the Kafka client until its outcome is encoded, in seconds.",
            LATENCY_BUCKETS,
            registry,
        )
        self._drift_requests = counter(
            "data_drift_requests_total", "Scored messages in which a feature drifted (`is_drift`).", by_pair
        )
        self._drift_share = RollingShare(DRIFT_WINDOW_SECONDS)
        gauge(
            "data_drift_ratio",
            "Share of the scored messages of the last five minutes in which a feature drifted.",
        ).set_function(lambda: self._drift_share.value(time.monotonic()))
        self.http_requests = counter(
            "http_requests_total",
            "Requests to the worker's HTTP server.",
            ["method", "endpoint", "status"],
        )
        self._message_latency = BatchHistogram(
            "message_latency_seconds",
            "Time from a message's broker timestamp until its outcome is committed, in seconds.",
            LATENCY_BUCKETS,
            registry,
        )
        self._consumed = counter(
            "messages_consumed_total", "Messages read from the input topic.", by_partition
        )
        self._published = counter("predictions_published_total", "Predictions in committed transactions.")
        self._dead_letters = counter(
            "dead_letters_total",
            "Messages that became dead letters in committed transactions, by error code.",
            ["code"],
        )
        self._batch_size = BatchHistogram(
            "batch_size_records",
            "Messages of one partition that were read in one batch.",
            BATCH_BUCKETS,
            registry,
        )
        self._transactions = counter(
            "transactions_total", "Ended Kafka transactions, by outcome.", ["outcome"]
        )
        self.rebalances = counter(
            "rebalances_total", "Partition assignments received from the consumer group."
        )
        self.assigned_partitions = gauge("assigned_partitions", "Partitions assigned to this worker.")
        gauge(
            "build_info", "Version of ratecast and of Python; the value is always 1.", ["version", "python"]
        ).labels(__version__, platform.python_version()).set(1)
        self._model_info = gauge(
            "model_info",
            "Version of the model in use; the value is always 1.",
            ["version", "trained_until", "runtime"],
        )
        self._model_loaded = gauge(
            "model_loaded_timestamp_seconds",
            "Time at which the model in use was loaded, in seconds since the epoch.",
        )
        self._model_trained_until = gauge(
            "model_trained_until_timestamp_seconds",
            "Day of the newest rate that the model in use was trained on: midnight UTC, in seconds since the epoch.",
        )
        self._model_reloads = counter(
            "model_reloads_total",
            "New models that a running worker loaded or rejected (outcome `refused`).",
            ["outcome"],
        )
        self._alerts = counter(
            "data_quality_alerts_total",
            "Scored messages whose newest rate has a data-quality alert, by kind of alert.",
            ["pair", "alert"],
        )
        self._live = LiveMonitor()
        FeatureDriftCollector(self._live.feature_scores, registry)
        ModelDriftCollector(self._live.model_scores, self._live.importances, registry)
        AccuracyCollector(self._live.accuracy.summaries, self._live.accuracy.tally, registry)
        self.shadow = ShadowMetrics(registry)
        self.model_refused = gauge(
            "model_refused", "1 while `models/current` names a model that this worker rejects."
        )
        self._scoring_errors = counter(
            "scoring_errors_total", "Messages on which scoring failed unexpectedly."
        )
        self._lost_to_retention = counter(
            "records_lost_to_retention_total",
            "Messages that Kafka deleted by retention before they were scored.",
        )
        self.join_refused = gauge("group_join_refused", "1 while the consumer group refuses this worker.")
        self.blocked_partitions = gauge(
            "blocked_partitions", "Partitions that are stopped at a batch of messages that cannot be read."
        )
        self._newest = NewestCollector(registry, with_rates=with_rates)
        LagCollector(partitions, registry)
        self._start_series_at_zero()

    def _start_series_at_zero(self) -> None:
        """Create the series of closed sets of labels, because `rate()` misses the first event of a new series."""
        for code in ErrorCode:
            self._dead_letters.labels(code.value)
        for outcome in TRANSACTION_OUTCOMES:
            self._transactions.labels(outcome)
        for outcome in RELOAD_OUTCOMES:
            self._model_reloads.labels(outcome)

    def model_loaded(self, stats: TrainingStats) -> None:
        """Note that a model was put into use; the counters of its pairs start at zero."""
        self._model_info.clear()
        self._model_info.labels(stats.model_version, stats.trained_until, "onnx").set(1)
        self._model_loaded.set(time.time())
        trained_until = dt.datetime.fromisoformat(stats.trained_until).replace(tzinfo=dt.UTC)
        self._model_trained_until.set(trained_until.timestamp())
        for pair in stats.pairs:
            self._prediction_requests.labels(pair)
            self._drift_requests.labels(pair)
            for alert in Alert:
                self._alerts.labels(pair, alert.value)
        self._live.use(stats)
        self.shadow.champion_loaded(stats)
        self._newest.keep(stats.pairs)

    def model_reload(self, outcome: str) -> None:
        """Count a new model that was ``loaded`` or ``refused``."""
        self._model_reloads.labels(outcome).inc()

    def polled(self, topic: str, partition: int, records: int) -> None:
        """Count records that were read from one partition."""
        self._consumed.labels(topic, str(partition)).inc(records)
        self._batch_size.observe(records)

    def committed(
        self,
        source: tuple[str, int],
        batch: ScoredBatch,
        seconds: float,
        timestamps_ms: Sequence[int],
        span: TraceContext | None = None,
    ) -> None:
        """Count a committed batch, and add what it says of drift and accuracy to their windows.

        Args:
            source: topic and partition of its records.
            batch: outcomes of its records.
            seconds: duration of its decoding, scoring and encoding.
            timestamps_ms: broker timestamps of its records.
            span: the span that made it, if any; both latencies show it as their exemplar.
        """
        self._transactions.labels("committed").inc()
        self._published.inc(len(batch.values))
        for code, count in Tally(letter.code.value for letter in batch.dead_letters).items():
            self._dead_letters.labels(code).inc(count)
        self._scoring_errors.inc(batch.failures)
        example = span.labels() if span is not None and span.is_sampled else None
        self._inference_latency.observe(seconds, len(timestamps_ms), example)
        ages = time.time() - np.array(timestamps_ms, dtype=np.float64) / 1000
        self._message_latency.observe_all(np.maximum(ages, 0.0), example)
        self._count_pairs(batch)
        self._newest.observe(batch.as_of, batch.newest)
        for observations in batch.observations:
            self._live.add(source, observations)

    def _count_pairs(self, batch: ScoredBatch) -> None:
        pairs = batch.pairs
        for pair, count in Tally(pairs).items():
            self._prediction_requests.labels(pair).inc(count)
        marked = np.flatnonzero(batch.drifted).tolist()
        for pair, count in Tally([pairs[i] for i in marked]).items():
            self._drift_requests.labels(pair).inc(count)
        if pairs:
            self._drift_share.add(len(marked), len(pairs), time.monotonic())
        for labels, count in Tally(batch.alerts).items():
            self._alerts.labels(*labels).inc(count)

    def lost_to_retention(self, records: int) -> None:
        """Count records that Kafka deleted by retention before they were scored."""
        self._lost_to_retention.inc(records)

    def failed(self, outcome: str) -> None:
        """Count a transaction that was ``aborted`` or ``fenced``."""
        self._transactions.labels(outcome).inc()

    def revoked(self, topic: str, partition: int) -> None:
        """Remove the series of a partition that this worker no longer has."""
        self._live.revoked((topic, partition))
        try:
            self._consumed.remove(topic, str(partition))
        except KeyError:
            return  # it was never polled
