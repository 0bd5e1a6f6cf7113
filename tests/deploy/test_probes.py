"""What the chart's probes ask, asked of the programs while no broker answers."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from pydantic import SecretStr

from consumer.worker import Worker
from monitoring.http import ENDPOINTS
from ratecast.settings import Settings
from sink.postgres_sink import PostgresSink
from tests.bundles import write_bundle
from tests.integration.workers import until
from tests.web.served import running_web
from tools.chart.chart_files import CHART

PROBE = re.compile(r"(\w+)Probe:[^\n]*\n +httpGet: \{path: (/\w+), port: http\}")
OF_ALL = dict(PROBE.findall((CHART / "templates" / "_pod.tpl").read_text()))
OF_THE_PAGE = dict(PROBE.findall((CHART / "templates" / "web-deployment.yaml").read_text()))


@pytest.fixture
def without_broker(tmp_path):
    write_bundle(tmp_path)
    return Settings(
        models_dir=tmp_path, bootstrap_servers="127.0.0.1:1", http_port=0, connect_timeout_seconds=660
    )


def test_every_pod_has_the_three_probes():
    assert OF_ALL.keys() == OF_THE_PAGE.keys() == {"startup", "liveness", "readiness"}
    assert set(OF_ALL.values()) <= ENDPOINTS


async def test_a_worker_that_finds_no_broker_lives_and_is_not_ready(without_broker):
    worker = Worker(without_broker)
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await until(lambda: task.done() or worker.http.port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{worker.http.port}") as http:
            status = {probe: (await http.get(path)).status_code for probe, path in OF_ALL.items()}
    finally:
        worker.stop()
        await task
    assert status == {"startup": 200, "liveness": 200, "readiness": 503}


async def test_a_sink_that_has_not_connected_lives_and_is_not_ready(without_broker):
    sink = PostgresSink(
        without_broker.model_copy(update={"postgres_dsn": SecretStr("host=127.0.0.1 port=1")})
    )
    await sink.http.start("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{sink.http.port}") as http:
            status = {probe: (await http.get(path)).status_code for probe, path in OF_ALL.items()}
    finally:
        await sink.http.stop()
    assert status == {"startup": 200, "liveness": 200, "readiness": 503}


async def test_the_page_answers_its_probes_without_the_token_and_without_a_broker(without_broker):
    settings = without_broker.model_copy(update={"web_token": SecretStr("sixteen letters..")})
    async with running_web(settings, ready=False) as web, httpx.AsyncClient(base_url=web.url) as http:
        status = {probe: (await http.get(path)).status_code for probe, path in OF_THE_PAGE.items()}
        metrics = await http.get("/metrics", headers={"Authorization": "Bearer sixteen letters.."})
    assert status == {"startup": 200, "liveness": 200, "readiness": 200}
    assert metrics.status_code == 200
