"""Writes a registry in the format that a scraper asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics of a registry, and their content type.

    Series named ``_created`` are left out. They double the number of counters, and no query of ours needs them.
    `prometheus_client.disable_created_metrics` would also leave out those of a program that a worker is part of.

    Args:
        registry: the metrics.
        accept: the request's header ``Accept``.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_WithoutCreated(registry)), content_type


class _WithoutCreated:
    """The metrics of a registry without the times at which they were created."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
