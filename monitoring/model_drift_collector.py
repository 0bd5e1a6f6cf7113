"""Exposes importance-weighted drift, computed at each scrape; a pair with too few messages has no series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from monitoring.windows.model_drift import ModelDriftScore


class ModelDriftCollector(Collector):
    """Exposes ``model_drift_score``, its threshold, the drift of each input and ``feature_importance``.

    Args:
        scores: returns the current scores; called once per scrape.
        importances: returns the importance of each input of the model in use.
        registry: registry to expose them in.
    """

    def __init__(
        self,
        scores: Callable[[], Iterable[ModelDriftScore]],
        importances: Callable[[], Mapping[str, float]],
        registry: CollectorRegistry,
    ) -> None:
        self._scores = scores
        self._importances = importances
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without values, so that the registry can check their names."""
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current scores and importances."""
        score, threshold, of_input, importance = self._families()
        for found in self._scores():
            score.add_metric([found.pair], found.score)
            threshold.add_metric([found.pair], found.threshold)
            for feature, drift in found.drifts.items():
                of_input.add_metric([found.pair, feature], drift)
        for feature, share in self._importances().items():
            importance.add_metric([feature], share)
        yield score
        yield threshold
        yield of_input
        yield importance

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, ...]:
        return (
            GaugeMetricFamily(
                "model_drift_score",
                "Drift of the range forest's inputs in the last 500 messages, weighted by their importance, 0 to 1.",
                labels=["pair"],
            ),
            GaugeMetricFamily(
                "model_drift_score_threshold",
                "Score that windows of clean rates stay below. A higher model drift score means drift.",
                labels=["pair"],
            ),
            GaugeMetricFamily(
                "model_drift_input_score",
                "Drift of one input of the range forest in the last 500 messages (Kolmogorov-Smirnov statistic).",
                labels=["pair", "feature"],
            ),
            GaugeMetricFamily(
                "feature_importance",
                "Permutation importance of one input of the range forest for the ranges. All importances add up to 1.",
                labels=["feature"],
            ),
        )
