"""The metrics of ``ratecast feed``."""

from __future__ import annotations

import platform
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ratecast.release import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

READ, UNCHANGED, REFUSED = "read", "unchanged", "refused"
GOOD_OUTCOMES = (READ, UNCHANGED)


class FeedMetrics:
    """The counters and gauges of a feed.

    Args:
        registry: registry to expose the metrics in.
        source: name of the source, the label of most metrics.
        reasons: why something may be refused: every value of that label.
    """

    def __init__(self, registry: CollectorRegistry, source: str, reasons: tuple[str, ...]) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self._source = source
        self._last_rate = gauge(
            "feed_last_rate_timestamp_seconds",
            "Day of the newest published rate: its midnight UTC, in seconds since 1970.",
            ["source", "pair"],
        )
        self._polls = counter(
            "feed_polls_total",
            "Polls of the source, by outcome: read, unchanged, refused (nothing in the answer could be taken), or what failed, "
            "such as timeout or status_503.",
            ["source", "outcome"],
        )
        self._late = gauge(
            "feed_late_seconds",
            "For how long the oldest rate that is due and not published has been late, in seconds; 0 if none is.",
            ["source"],
        )
        self._failing = gauge(
            "feed_failing_seconds",
            "For how long polls of the source, or publishing, have failed without a success between, in seconds.",
            ["source"],
        )
        self._refused = counter(
            "feed_refused_total",
            "Rates, rows and answers of the source that were not taken, by reason. Each counts once, not once a poll.",
            ["source", "reason"],
        )
        self._published = counter(
            "feed_published_total", "Messages published, in committed transactions.", ["source"]
        )
        self._fenced = counter(
            "feed_fenced_total",
            "Times that another feed of the source started to publish at the same time.",
            ["source"],
        )
        self.http_requests = counter(
            "http_requests_total", "Requests to the feed's HTTP server.", ["method", "endpoint", "status"]
        )
        gauge(
            "build_info", "Version of ratecast and of Python; the value is always 1.", ["version", "python"]
        ).labels(__version__, platform.python_version()).set(1)
        for outcome in (*GOOD_OUTCOMES, REFUSED):  # `rate()` misses the first event of a new series
            self._polls.labels(source, outcome)
        for reason in reasons:
            self._refused.labels(source, reason)
        self._published.labels(source)
        self._fenced.labels(source)

    def watch(self, late: Callable[[], float], failing: Callable[[], float]) -> None:
        """Take the two gauges of seconds from these functions at every scrape."""
        self._late.labels(self._source).set_function(late)
        self._failing.labels(self._source).set_function(failing)

    def polled(self, outcome: str) -> None:
        """Count a poll."""
        self._polls.labels(self._source, outcome).inc()

    def refused(self, reason: str) -> None:
        """Count something that was not taken."""
        self._refused.labels(self._source, reason).inc()

    def published(self, messages: int) -> None:
        """Count messages of a committed transaction."""
        self._published.labels(self._source).inc(messages)

    def fenced(self) -> None:
        """Count a transaction that another feed ended."""
        self._fenced.labels(self._source).inc()

    def newest(self, pair: str, timestamp_seconds: float) -> None:
        """Note the day of a pair's newest published rate."""
        self._last_rate.labels(self._source, pair).set(timestamp_seconds)
