"""A worker and a ``ratecast web`` in a thread of their own, for tests that ask over HTTP."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from consumer.worker import Worker
from tests.integration.workers import until
from web.serving import Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from ratecast.settings import Settings

LIMIT_SECONDS = 30.0


@asynccontextmanager
async def running_web(settings: Settings, *, ready: bool = True, **seconds: float) -> AsyncIterator[Web]:
    """A program that listens, and by default has read the topics; stopped in order at the end."""
    web = Web(settings.model_copy(update={"web_port": 0}), **seconds)
    task = asyncio.create_task(web.run(handle_signals=False))
    try:
        await until(lambda: task.done() or (web.port and (web.parts.feed.reachable or not ready)))
        if task.done():
            task.result()
        yield web
    finally:
        web.stop()
        await task


@asynccontextmanager
async def _running_worker(settings: Settings) -> AsyncIterator[Worker]:
    """A ready worker; one of `tests.integration.workers` handles signals, which only the main thread can."""
    worker = Worker(settings)
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await until(lambda: task.done() or worker.readiness()["ready"])
        yield worker
    finally:
        worker.stop()
        await task


class Served:
    """A running program, asked from another thread."""

    def __init__(self, web: Web, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.web = web
        self.settings = settings
        self._loop = loop
        self.http = httpx.Client(base_url=web.url, timeout=LIMIT_SECONDS)

    def run(self, work: Callable[[], Any]) -> Any:
        """Run a coroutine function on the program's event loop."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(LIMIT_SECONDS)

    def predict(self, **message: Any) -> httpx.Response:
        return self.http.post("/predict", json=message)

    def metric(self, line: str) -> float:
        """The value of one series of /metrics; 0 if it does not exist."""
        found = [text for text in self.http.get("/metrics").text.splitlines() if text.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """A worker and a program that reads its metrics."""
    started: list[Served] = []
    is_up, stopping = threading.Event(), []
    faults: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        stopping.append(stop)
        async with _running_worker(settings) as worker:
            urls = f"http://127.0.0.1:{worker.http.port}/metrics"
            async with running_web(settings.model_copy(update={"web_metrics_urls": urls})) as web:
                started.append(Served(web, settings, asyncio.get_running_loop()))
                is_up.set()
                await stop.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            faults.append(error)
        finally:
            is_up.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert is_up.wait(2 * LIMIT_SECONDS)
        if faults:
            raise faults[0]
        yield started[0]
    finally:
        if started:
            started[0].http.close()
            started[0]._loop.call_soon_threadsafe(stopping[0].set)
        thread.join(LIMIT_SECONDS)
    if faults:
        raise faults[0]
