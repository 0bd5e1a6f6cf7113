"""The worker's HTTP server, over a socket."""

from __future__ import annotations

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from monitoring.http import HttpServer


@pytest.mark.parametrize(("ready", "status"), [(True, "200"), (False, "503"), (None, "500")])
async def test_every_answer_is_counted_internal_errors_too(ready, status, caplog) -> None:
    def readiness() -> dict[str, bool]:
        if ready is None:
            raise RuntimeError("invented")
        return {"ready": ready}

    registry = CollectorRegistry()
    requests = Counter("http_requests_total", "", ["method", "endpoint", "status"], registry=registry)
    server = HttpServer(registry, requests, readiness)
    await server.start("127.0.0.1", 0)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{server.port}/ready") as answer,
        ):
            assert str(answer.status) == status
    finally:
        await server.stop()
    labels = {"method": "GET", "endpoint": "/ready", "status": status}
    assert registry.get_sample_value("http_requests_total", labels) == 1
    assert ("invented" in caplog.text) == (ready is None)
