"""All metrics of ``ratecast web``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

# A request that waits for its prediction takes milliseconds, or the whole timeout.
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
READ_OUTCOMES = ("prediction", "dead_letter", "unreadable")


class WebMetrics:
    """The counters, gauges and histograms of one ``ratecast web``.

    Args:
        registry: registry to expose the metrics in.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self._requests = counter(
            "http_requests_total", "Requests to the HTTP server.", ["method", "endpoint", "status"]
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Time from a request's headers until its response begins, in seconds.",
            ["method", "endpoint"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self._read = counter(
            "web_records_read_total",
            "Messages read from the topics of predictions and dead letters, by what they were.",
            ["outcome"],
        )
        self._waiting = gauge("web_waiting_requests", "Requests that wait for their prediction.")
        self._streams = gauge("web_streams", "Open event streams, those of pages included.")
        self.streams_cut = counter(
            "web_streams_cut_total", "Event streams that were closed because their client did not read them."
        )
        self.connections_closed = counter(
            "web_connections_closed_total",
            "Connections that were closed because they were idle too long or too many.",
        )
        for outcome in READ_OUTCOMES:
            self._read.labels(outcome)

    def answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count a request whose response has begun.

        Args:
            method: a method of a closed set, or "other".
            endpoint: the template of the route, such as ``/predictions/{message_id}``, or "other".
            status: status of the response.
            seconds: time until it began.
        """
        self._requests.labels(method, endpoint, str(status)).inc()
        self._durations.labels(method, endpoint).observe(seconds)

    def read(self, outcome: str) -> None:
        """Count a record that was read: one of `READ_OUTCOMES`."""
        self._read.labels(outcome).inc()

    def watch(self, waiting: Callable[[], int], streams: Callable[[], int]) -> None:
        """Take the two gauges from these functions at every scrape."""
        self._waiting.set_function(waiting)
        self._streams.set_function(streams)
