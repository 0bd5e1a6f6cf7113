"""Windowed drift, scored when Prometheus asks: a pair with too few messages has no series."""

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
        scores: the scores as of now, asked once a scrape.
        registry: where they are exposed.
    """

    def __init__(
        self, scores: Callable[[], Iterable[FeatureDriftScore]], registry: CollectorRegistry
    ) -> None:
        self._scores = scores
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """What the registry checks names against."""
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Scores as of now."""
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
                "feature_drift_score", "Distance of the last messages from training.", labels=labels
            ),
            GaugeMetricFamily(
                "feature_drift_threshold", "Score that training's own windows stay under.", labels=labels
            ),
            GaugeMetricFamily(
                "feature_drift_window_messages", "Messages the score is made from.", labels=labels
            ),
        )
