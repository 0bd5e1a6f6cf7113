"""Exposes live accuracy, computed at each scrape."""

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
    """Exposes the rolling accuracy of each pair and the number of its changes.

    Args:
        summaries: returns the window of each pair; called at every scrape.
        tally: returns the counts since the worker started; called at every scrape.
        registry: registry to expose them in.
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
        """Yield the families without values, so that the registry can check their names."""
        yield from self._gauges()
        yield from self._counters()

    def collect(self) -> Iterator[Metric]:
        """Yield the current accuracy; a pair has no ratios until its window has enough messages."""
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
                "Mean absolute error of recent forecasts divided by that of repeating the last rate. Below 1 is better.",
                labels=["pair"],
            ),
            GaugeMetricFamily(
                "interval_coverage_ratio",
                "Share of recent rates that were inside the range forecast for them.",
                labels=["pair", "level"],
            ),
            GaugeMetricFamily(
                "accuracy_window_messages", "Messages in the window of the accuracy metrics.", labels=["pair"]
            ),
        )

    @staticmethod
    def _counters() -> tuple[CounterMetricFamily, CounterMetricFamily]:
        return (
            CounterMetricFamily(
                "accuracy_changes_total",
                "Detected changes in the size of forecast errors (Page-Hinkley test).",
                labels=["pair", "direction"],
            ),
            CounterMetricFamily(
                "accuracy_left_out_messages_total",
                "Messages left out of the accuracy metrics because of a feed fault or a repeated weekend rate.",
                labels=["pair"],
            ),
        )
