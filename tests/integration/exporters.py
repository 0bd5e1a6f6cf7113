"""Programs that Prometheus scrapes beside the workers, without a database and without brokers behind them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry

from monitoring.feed_metrics import READ, FeedMetrics
from monitoring.http import HttpServer
from monitoring.lag import PartitionLag
from monitoring.sink_metrics import SinkMetrics
from ratecast_stack.children import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


@asynccontextmanager
async def metrics_of_a_sink() -> AsyncIterator[str]:
    """Serves the metrics of a sink that has written a batch and lost its database once, and yields its address."""
    lags = [PartitionLag("rate-predictions", 0, 3, 0.5)]
    metrics = SinkMetrics(registry := CollectorRegistry(), lambda: lags)
    metrics.committed({"predictions": 3}, {}, 0.01)
    metrics.failed()
    server = HttpServer(registry, metrics.http_requests, lambda: {"ready": True}, lambda: None)
    await server.start("127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop()


@asynccontextmanager
async def metrics_of_a_feed() -> AsyncIterator[str]:
    """Serves the metrics of a feed that has polled once and refused a rate, and yields its address."""
    metrics = FeedMetrics(registry := CollectorRegistry(), "ecb", ("screened",))
    metrics.watch(lambda: 60.0, lambda: 0.0)
    metrics.polled(READ)
    metrics.refused("screened")
    server = HttpServer(registry, metrics.http_requests, lambda: {"ready": True}, lambda: None)
    await server.start("127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop()


@asynccontextmanager
async def kminion(lags: Sequence[int]) -> AsyncIterator[str]:
    """Serves what kminion exports for a topic with these lags by partition, and yields its address."""
    of_group = 'group_id="ratecast-workers",topic_name="rate-histories"'
    lines = [
        line
        for partition, lag in enumerate(lags)
        for line in (
            f'kminion_kafka_consumer_group_topic_partition_lag{{{of_group},partition_id="{partition}"}} {lag}',
            f'kminion_kafka_topic_partition_high_water_mark{{topic_name="rate-histories",partition_id="{partition}"}} 9000',
        )
    ]

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="\n".join(lines) + "\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()
