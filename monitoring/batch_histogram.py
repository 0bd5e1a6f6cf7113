"""A Prometheus histogram that counts a whole batch of observations in one step."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Exemplar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Bucket = tuple[str, float] | tuple[str, float, Exemplar]  # its upper bound, its count, an example


class BatchHistogram(Collector):
    """Counts observations with numpy, which takes a microsecond per batch instead of one per record.

    Exemplars are written in the OpenMetrics format only. Prometheus asks for it.

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
        self._exemplars: list[Exemplar | None] = [None] * len(self._labels)
        registry.register(self)

    def observe(self, value: float, times: int = 1, example: Mapping[str, str] | None = None) -> None:
        """Count ``value`` ``times`` times, for records of a batch that share it.

        Args:
            value: The value.
            times: How often it occurred.
            example: Labels of an exemplar with this value, which replaces that of the value's bucket.
        """
        self._counts[np.searchsorted(self._bounds, value)] += times
        self._sum += value * times
        self._exemplify(value, example)

    def observe_all(self, values: NDArray[np.float64], example: Mapping[str, str] | None = None) -> None:
        """Count each value of an array.

        Args:
            values: The values, at least one if there is an example.
            example: Labels of an exemplar with the largest value, which replaces that of the value's bucket.
        """
        buckets = np.searchsorted(self._bounds, values)
        self._counts += np.bincount(buckets, minlength=len(self._counts))
        self._sum += float(values.sum())
        if example is not None:
            self._exemplify(float(values.max()), example)

    def _exemplify(self, value: float, example: Mapping[str, str] | None) -> None:
        if example is not None:
            bucket = int(np.searchsorted(self._bounds, value))
            self._exemplars[bucket] = Exemplar(dict(example), value, time.time())

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the families without values, so that the registry can check their names."""
        yield HistogramMetricFamily(self._name, self._documentation)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the current cumulative buckets."""
        cumulative = np.cumsum(self._counts).tolist()
        buckets: list[Bucket] = [
            (label, float(count)) if exemplar is None else (label, float(count), exemplar)
            for label, count, exemplar in zip(self._labels, cumulative, self._exemplars, strict=True)
        ]
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)
