"""Models are exchanged under a running replay: no restart, no gap, and every prediction says whose it is."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from itertools import groupby

import aiohttp
import numpy as np
import pytest

from consumer.models import CurrentModel
from consumer.worker import Worker
from producer.plan import histories
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.contract.wire import decode_prediction
from ratecast.kafka.audit import audit
from ratecast.model.bundle import ONNX, set_current
from ratecast.rates.tables import RateTable
from tests.bundles import LEVELS, forest_on_noise, write_bundle, write_manifest
from tests.integration.workers import read, running_worker, until

pytestmark = pytest.mark.one_engine

MODEL_INFO = re.compile(r'^model_info\{.*version="([^"]+)".*\} 1\.0$', re.MULTILINE)


@pytest.fixture
def reloading(settings, tmp_path):
    write_bundle(tmp_path, "one")
    return settings.model_copy(update={"models_dir": tmp_path, "model_check_seconds": 0.05})


def plan():
    dates = np.arange("2025-01-01", "2025-12-31", dtype="datetime64[D]")
    walk = 1 + 0.01 * np.sin(np.arange(len(dates)))
    table = RateTable("invented", dates, {pair: level * walk for pair, level in LEVELS.items()})
    return histories.plan(table, tuple(LEVELS), window=5)


@asynccontextmanager
async def replaying(settings):
    """A replay without end, finished in order when left."""
    stop = asyncio.Event()
    task = asyncio.create_task(replay(settings, plan(), Pace(300.0), loop=True, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def scraping(worker):
    """Scrapes `/metrics` all the time; yields the list of what `model_info` showed."""
    shown: list[list[str]] = []

    async def scrape():
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{worker.http.port}/metrics") as response:
                    shown.append(MODEL_INFO.findall(await response.text()))
                await asyncio.sleep(0.005)

    task = asyncio.create_task(scrape())
    try:
        yield shown
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def ready(worker):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{worker.http.port}/ready") as response,
    ):
        return response.status, await response.json()


def sample(worker, name, **labels):
    return worker.http._registry.get_sample_value(name, labels)


async def more_predictions(worker, count=300):
    start = sample(worker, "predictions_published_total")
    await until(lambda: sample(worker, "predictions_published_total") >= start + count)


async def test_models_are_exchanged_under_a_replay_and_an_unsound_one_is_refused(reloading, tmp_path, caplog):
    async with running_worker(reloading) as worker, replaying(reloading), scraping(worker) as shown:
        await more_predictions(worker)
        write_bundle(tmp_path, "two", seed=2)
        await until(lambda: worker.models.version == "two")
        await more_predictions(worker)

        torn = write_bundle(tmp_path, "torn", seed=3, make_current=False)
        (torn / ONNX).write_bytes(b"torn")
        set_current(tmp_path, "torn")
        await until(lambda: worker.models.refused)
        await more_predictions(worker)
        status, state = await ready(worker)
        assert (status, state["ready"], state["model"]) == (200, True, "two")
        assert state["refused"]["version"] == "torn"
        assert "does not match its SHA-256" in state["refused"]["reason"]

        odd = write_bundle(tmp_path, "odd", seed=4, make_current=False)
        (odd / ONNX).write_bytes(forest_on_noise(seed=5)[0])
        write_manifest(odd, "odd")
        set_current(tmp_path, "odd")
        await until(lambda: (worker.models.refused or {}).get("version") == "odd")
        await more_predictions(worker)

        write_bundle(tmp_path, "three", seed=6)
        await until(lambda: worker.models.version == "three")
        await more_predictions(worker)
        assert (await ready(worker))[1]["refused"] is None
        assert sample(worker, "model_reloads_total", outcome="loaded") == 2
        assert sample(worker, "model_reloads_total", outcome="refused") == 2
        assert sample(worker, "rebalances_total") == 1, "the worker left the group"
        assert sample(worker, "transactions_total", outcome="aborted") == 0
    assert [versions for versions, _ in groupby(shown)] == [["one"], ["two"], ["three"]]
    refusals = [record for record in caplog.records if "rejected a model" in record.getMessage()]
    assert len(refusals) == 2

    # Whatever the replay published after the worker's last look is for the next one.
    async with running_worker(reloading):
        result = await audit(reloading, wait_seconds=30)
    assert result.exactly_once
    assert result.dead_lettered == 0
    records = await read(reloading, reloading.output_topic, result.published)
    assert len(records) == result.published
    per_partition: dict[int, list[str]] = {}
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        version = decode_prediction(record.value).model_version
        per_partition.setdefault(record.partition, []).append(version)
    for versions in per_partition.values():
        assert [version for version, _ in groupby(versions)] == ["one", "two", "three"]


async def test_a_watch_that_breaks_ends_its_worker(reloading, monkeypatch):
    """Going on without it would look healthy, and no new model would ever be noticed."""

    async def broken(_):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(CurrentModel, "check", broken)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        await asyncio.wait_for(Worker(reloading).run(), 30)
