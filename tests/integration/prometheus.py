"""A real Prometheus for integration tests that scrapes and evaluates every second."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from ratecast_stack.children import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

Series = tuple[dict[str, str], list[float]]  # labels, and the finite values

CONFIGURATION = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
{jobs}
"""
_START_SECONDS = 20.0


class Prometheus:
    """A client of one Prometheus."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def now(self, expr: str) -> list[Series]:
        """Returns the series of an expression that have a finite value now."""
        return _finite(await self.get("query", query=expr))

    async def lately(self, expr: str, seconds: float = 30.0) -> list[Series]:
        """Returns the series of an expression with their finite values for each of the last seconds."""
        end = time.time()
        times = {"start": end - seconds, "end": end, "step": 1}
        return _finite(await self.get("query_range", query=expr, **times))

    async def label_values(self, label: str, metric: str) -> list[str]:
        """Returns what ``label_values(metric, label)`` of Grafana returns."""
        values: list[str] = await self.get(f"label/{label}/values", **{"match[]": metric})
        return values

    async def get(self, what: str, **parameters: Any) -> Any:
        """Returns the data of an HTTP API response, and raises AssertionError with the message of Prometheus on an error."""
        async with self._session.get(f"{self._url}/api/v1/{what}", params=parameters) as response:
            answer = await response.json()
        assert answer["status"] == "success", (answer.get("error"), parameters)
        return answer["data"]


@asynccontextmanager
async def running_prometheus(
    directory: Path, jobs: Mapping[str, str], rules: Sequence[Path] = ()
) -> AsyncIterator[Prometheus]:
    """Runs a Prometheus that is ready and scrapes itself as the job ``prometheus``.

    Args:
        directory: The directory for configuration, data and log.
        jobs: The address (host:port) by job name.
        rules: The rule files.
    """
    port = free_port()
    targets = {**jobs, "prometheus": f"127.0.0.1:{port}"}
    lines = (f"  - {{job_name: {j}, static_configs: [{{targets: ['{t}']}}]}}" for j, t in targets.items())
    configuration = directory / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(rules=", ".join(map(str, rules)), jobs="\n".join(lines)))
    command = [
        shutil.which("prometheus") or "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = directory / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        async with aiohttp.ClientSession() as session:
            await _ready(session, f"http://127.0.0.1:{port}", process, log)
            yield Prometheus(session, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _ready(
    session: aiohttp.ClientSession, url: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(f"{url}/-/ready") as response:
                if response.status == 200:
                    return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        await asyncio.sleep(0.05)


def _finite(data: dict[str, Any]) -> list[Series]:
    if data["resultType"] == "scalar":
        data = {"result": [{"metric": {}, "value": data["result"]}]}
    found = []
    for series in data["result"]:
        points = series.get("values") or [series["value"]]
        if values := [number for _, text in points if math.isfinite(number := float(text))]:
            found.append((series["metric"], values))
    return found
