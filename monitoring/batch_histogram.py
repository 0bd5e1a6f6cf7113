"""A Prometheus histogram that counts a whole batch of observations in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class BatchHistogram(Collector):
    """Counts observations with numpy, which takes a microsecond per batch instead of one per record.

    Args:
        name: name of the metric.
        documentation: help text of the metric.
        buckets: upper bounds, ascending; ``+Inf`` is added.
        registry: registry to expose it in.
    """

    def __init__(
        self, name: str, documentation: str, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = np.array(buckets, dtype=np.float64)
        self._labels = [*(str(float(bound)) for bound in buckets), "+Inf"]
        self._counts = np.zeros(len(buckets) + 1, dtype=np.int64)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float, times: int = 1) -> None:
        """Count ``value`` ``times`` times, for records of a batch that share it."""
        self._counts[np.searchsorted(self._bounds, value)] += times
        self._sum += value * times

    def observe_all(self, values: NDArray[np.float64]) -> None:
        """Count each value of an array."""
        buckets = np.searchsorted(self._bounds, values)
        self._counts += np.bincount(buckets, minlength=len(self._counts))
        self._sum += float(values.sum())

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the families without values, so that the registry can check their names."""
        yield HistogramMetricFamily(self._name, self._documentation)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the current cumulative buckets."""
        cumulative = np.cumsum(self._counts).tolist()
        buckets = [(label, float(count)) for label, count in zip(self._labels, cumulative, strict=True)]
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)
