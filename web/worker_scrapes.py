"""Latency, lag and the number of workers, from the workers' own metrics."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

log = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0
_TIMEOUT_SECONDS = 2.0
_WINDOW_SECONDS = 60.0
_MOST_BYTES = 16 * 2**20
_MOST_WORKERS = 256
_LATENCY, _LAG = "message_latency_seconds", "consumer_lag_records"

Buckets = dict[float, float]  # upper bound in seconds -> messages at or below it


@dataclass(slots=True)
class WorkerState:
    """What one worker says of itself.

    Attributes:
        lag: records that it has not committed yet.
        latencies: its latency histogram at the last scrapes, oldest first.
    """

    lag: float = 0.0
    latencies: deque[tuple[float, Buckets]] = field(default_factory=deque)

    def recent(self) -> Buckets:
        """Returns the latency histogram of the last minute, or since the worker's start if none was scored then."""
        if not self.latencies:
            return {}
        (_, first), (_, last) = self.latencies[0], self.latencies[-1]
        recent = {bound: count - first.get(bound, 0.0) for bound, count in last.items()}
        # A worker that was restarted counts from 0 again.
        return (
            recent
            if min(recent.values(), default=0.0) >= 0 and max(recent.values(), default=0.0) > 0
            else last
        )


class WorkerScrapes:
    """Reads the metrics of all workers every two seconds.

    Args:
        urls: addresses of the metrics.
    """

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._urls = urls
        self._workers: dict[str, WorkerState] = {}
        self._silent: list[str] = []
        self._has_scraped = False
        self._expected: int | None = len(urls)

    @property
    def workers(self) -> int | None:
        """The number of workers that answer; None if no addresses are known."""
        return len(self._workers) if self._urls and self._has_scraped else None

    @property
    def expected(self) -> int | None:
        """The number of workers that should answer; None if their number may change."""
        return self._expected if self._urls else None

    @property
    def lag(self) -> int | None:
        """The number of records that no worker has committed yet; None if no worker answers."""
        return int(sum(worker.lag for worker in self._workers.values())) if self._workers else None

    def latency_ms(self, quantile: float) -> float | None:
        """Returns a quantile of the latency of all workers in milliseconds; None if nothing was scored yet."""
        total: Buckets = {}
        for worker in self._workers.values():
            for bound, count in worker.recent().items():
                total[bound] = total.get(bound, 0.0) + count
        seconds = histogram_quantile(quantile, total)
        return None if seconds is None else 1000 * seconds

    def problems(self) -> list[str]:
        """Returns a sentence for each thing that is wrong."""
        if not self._urls or not self._has_scraped:
            return []
        if not self._workers:
            return ["No worker answers."]
        return [f"The worker at {place} does not answer." for place in self._silent]

    async def run(self) -> None:
        """Scrape until cancelled."""
        if not self._urls:
            return
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self._scrape_all(session)
                await asyncio.sleep(_EVERY_SECONDS)

    async def _scrape_all(self, session: aiohttp.ClientSession) -> None:
        resolved = await asyncio.gather(*map(_addresses, self._urls))
        self._expected = len(self._urls) if all(len(found) <= 1 for found in resolved) else None
        targets = list(dict.fromkeys(url for found in resolved for url in found))[:_MOST_WORKERS]
        answers = await asyncio.gather(*(_scrape(session, url) for url in targets))
        now = time.monotonic()
        workers: dict[str, WorkerState] = {}
        for url, answer in zip(targets, answers, strict=True):
            if answer is not None:
                workers[url] = self._updated(url, *answer, now)
        # Assigned at once, because a request may be answered between two scrapes.
        self._workers = workers
        unresolved = [url for url, found in zip(self._urls, resolved, strict=True) if not found]
        self._silent = [
            urlsplit(url).netloc for url in [*unresolved, *(t for t in targets if t not in workers)]
        ]
        self._has_scraped = True

    def _updated(self, url: str, lag: float, buckets: Buckets, now: float) -> WorkerState:
        state = self._workers.get(url) or WorkerState()
        state.lag = lag
        state.latencies.append((now, buckets))
        while state.latencies[0][0] < now - _WINDOW_SECONDS:
            state.latencies.popleft()
        return state


async def _addresses(url: str) -> list[str]:
    """Returns the URL once for each address that its host has; none if it has none now."""
    parts = urlsplit(url)
    if parts.scheme == "https":  # a certificate is for a name
        return [url]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return []
    hosts = sorted({str(address[0]) for *_, address in found})
    if len(hosts) <= 1 or set(hosts) == {"127.0.0.1", "::1"}:  # localhost is one host with two addresses
        return [url]
    shown = (f"[{host}]" if ":" in host else host for host in hosts)
    return [urlunsplit((parts.scheme, f"{host}:{parts.port or 80}", parts.path, "", "")) for host in shown]


async def _scrape(session: aiohttp.ClientSession, url: str) -> tuple[float, Buckets] | None:
    """Returns lag and latencies of one worker; None if it does not answer with metrics."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                return None
            body = await response.content.read(_MOST_BYTES)
            while chunk := await response.content.read(_MOST_BYTES):
                body += chunk
                if len(body) > _MOST_BYTES:
                    return None
        return parsed(body.decode())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        log.debug("%s cannot be scraped: %r", url, error)
        return None


def parsed(text: str) -> tuple[float, Buckets]:
    r"""Returns lag and cumulative latencies from metrics in Prometheus's text format.

    Raises:
        ValueError: the text is in another format.

    >>> parsed('consumer_lag_records{partition="0"} 3\nmessage_latency_seconds_bucket{le="0.5"} 7\n')
    (3.0, {0.5: 7.0})
    """
    # The parser is slow, and a worker with sixty pairs has thousands of lines that nobody asks for.
    wanted = [line for line in text.splitlines() if line.startswith((f"{_LATENCY}_bucket", f"{_LAG}{{"))]
    lag, buckets = 0.0, dict[float, float]()
    for family in text_string_to_metric_families("\n".join(wanted) + "\n"):
        for sample in family.samples:
            if sample.name == _LAG:
                lag += float(sample.value)
            else:
                buckets[float(sample.labels["le"])] = float(sample.value)
    return lag, buckets


def histogram_quantile(quantile: float, buckets: Buckets) -> float | None:
    """Returns a quantile of a cumulative histogram, linear within a bucket, as PromQL's function of this name does.

    >>> histogram_quantile(0.5, {0.1: 10, 0.2: 20, float("inf"): 20})
    0.1
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total > 0:
        return None
    rank, below, lower = quantile * total, 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank and count > below:
            return (
                lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
            )
        below, lower = count, bound
    return lower
