"""Exposes windowed drift, computed at each scrape; a pair with too few messages has no series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from monitoring.windows.feature_drift import FeatureDriftScore


class FeatureDriftCollector(Collector):
    """Exposes ``feature_drift_score``, ``feature_drift_threshold`` and ``feature_drift_window_messages``.

    Args:
        scores: returns the current scores; called once per scrape.
        registry: registry to expose them in.
    """

    def __init__(
        self, scores: Callable[[], Iterable[FeatureDriftScore]], registry: CollectorRegistry
    ) -> None:
        self._scores = scores
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without values, so that the registry can check their names."""
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current scores."""
        score, threshold, messages = self._families()
        for found in self._scores():
            labels = [found.pair, found.feature, found.test]
            score.add_metric(labels, found.score)
            threshold.add_metric(labels, found.threshold)
            messages.add_metric(labels, found.n)
        yield score
        yield threshold
        yield messages

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        labels = ["pair", "feature", "test"]
        return (
            GaugeMetricFamily(
                "feature_drift_score",
                "Drift score of the last 500 returns against training (PSI or Kolmogorov-Smirnov statistic).",
                labels=labels,
            ),
            GaugeMetricFamily(
                "feature_drift_threshold",
                "Score that windows of training data stay below. A higher drift score means drift.",
                labels=labels,
            ),
            GaugeMetricFamily(
                "feature_drift_window_messages", "Messages in the window of the drift score.", labels=labels
            ),
        )
