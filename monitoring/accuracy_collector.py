"""Live accuracy, worked out when Prometheus asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from monitoring.windows.accuracy import AccuracyTally, WindowSummary


class AccuracyCollector(Collector):
    """Exposes rolling accuracy by pair and the counts of its changes.

    Args:
        summaries: each pair's window, asked at every scrape.
        tally: what was counted since the worker began, asked at every scrape.
        registry: where it is exposed.
    """

    def __init__(
        self,
        summaries: Callable[[], Mapping[str, WindowSummary]],
        tally: Callable[[], AccuracyTally],
        registry: CollectorRegistry,
    ) -> None:
        self._summaries = summaries
        self._tally = tally
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """What the registry checks names against."""
        yield from self._gauges()
        yield from self._counters()

    def collect(self) -> Iterator[Metric]:
        """Accuracy as of now; a pair has no ratios until its window holds enough messages."""
        ratio, coverage, messages = self._gauges()
        for pair, summary in self._summaries().items():
            messages.add_metric([pair], summary.messages)
            if summary.error_ratio is not None:
                ratio.add_metric([pair], summary.error_ratio)
            if summary.coverage is not None:
                for level, share in zip(LEVELS, summary.coverage, strict=True):
                    coverage.add_metric([pair, level], share)
        yield from (ratio, coverage, messages)

        changes, left_out = self._counters()
        tally = self._tally()
        for (pair, direction), count in tally.changes.items():
            changes.add_metric([pair, direction], count)
        for pair, count in tally.left_out.items():
            left_out.add_metric([pair], count)
        yield from (changes, left_out)

    @staticmethod
    def _gauges() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily(
                "forecast_error_ratio",
                "Hindcast MAE over the last rate's MAE, rolling; below 1 is better than the last rate.",
                labels=["pair"],
            ),
            GaugeMetricFamily(
                "interval_coverage_ratio",
                "Share of newest rates within the range forecast for them, rolling.",
                labels=["pair", "level"],
            ),
            GaugeMetricFamily(
                "accuracy_window_messages", "Messages that rolling accuracy is made of.", labels=["pair"]
            ),
        )

    @staticmethod
    def _counters() -> tuple[CounterMetricFamily, CounterMetricFamily]:
        return (
            CounterMetricFamily(
                "accuracy_changes_total",
                "Changes of the size of standardised errors (Page-Hinkley).",
                labels=["pair", "direction"],
            ),
            CounterMetricFamily(
                "accuracy_left_out_messages_total",
                "Messages with a feed fault or a weekend's repeated rate, which say nothing about the model.",
                labels=["pair"],
            ),
        )
