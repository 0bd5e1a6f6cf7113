"""The shadow model of a worker: what it scores, and that nothing of it reaches the champion."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import threading
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from consumer.shadow_scoring import WAITING_BATCHES, ShadowScoring
from monitoring.shadow_metrics import ShadowMetrics
from ratecast.model.bundle import MANIFEST, ONNX, STATS, load
from ratecast.model.shadow_pointer import remove_shadow, set_shadow
from ratecast.scoring.scorer import Scorer
from ratecast.settings import Settings
from tests.bundles import LEVELS, write_bundle
from tests.fakes import FakeRecord

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


class Bench:
    """Shadow scoring with a champion and without Kafka."""

    def __init__(self, models_dir) -> None:
        write_bundle(models_dir, "champion")
        self.models_dir = models_dir
        self.settings = Settings(models_dir=models_dir, model_check_seconds=0.01)
        self.registry = CollectorRegistry()
        self.metrics = ShadowMetrics(self.registry)
        self.champion = Scorer(load(models_dir), self.settings.max_message_bytes)
        self.metrics.champion_loaded(self.champion.bundle.stats)
        self.shadow = ShadowScoring(self.settings, self.metrics)

    def put(self, version="shadow-1", seed=1):
        directory = write_bundle(self.models_dir, version, seed=seed, make_current=False)
        set_shadow(self.models_dir, version)
        return directory

    def commit(self, first=0, messages=10):
        batch = self.champion.score(records(first, messages), NOW)
        self.shadow.committed(batch)
        return batch

    def value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    @property
    def in_use(self):
        return [
            sample.labels["version"]
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "shadow_model_info"
        ]

    @property
    def compared(self):
        return sum(self.value("shadow_compared_forecasts_total", pair=pair) or 0 for pair in LEVELS)

    def left_out(self, reason):
        return self.value("shadow_left_out_messages_total", reason=reason)

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.shadow.run())
        try:
            yield
            assert not task.done(), "the shadow ended"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def records(first, messages):
    history = [0.85 * (1 + 0.001 * (day % 7)) for day in range(30)]
    value = json.dumps({"history": history, "pair": "EUR/GBP"}).encode()
    return [FakeRecord(value, offset=offset) for offset in range(first, first + messages)]


@pytest.fixture
def bench(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    return Bench(tmp_path)


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_committed_batch_is_scored_with_the_shadow_model_and_counts_once(bench):
    bench.put()
    async with bench.running():
        await bench.until(lambda: bench.in_use)
        bench.commit(messages=10)
        bench.commit(first=10, messages=5)
        await bench.until(lambda: bench.compared == 15)
    scores = [
        bench.value("shadow_winkler_score_total", pair="EUR/GBP", model=model, level="95")
        for model in ("champion", "shadow")
    ]
    assert scores[0] != scores[1], "both figures are of one model"
    assert [bench.left_out(reason) for reason in ("busy", "failed", "rejected")] == [0, 0, 0]


async def test_without_a_shadow_model_nothing_waits(bench):
    async with bench.running():
        for _ in range(2 * WAITING_BATCHES):
            bench.commit()
    assert bench.shadow._waiting.empty()
    assert bench.left_out("busy") == 0


async def test_a_shadow_model_is_exchanged_and_removed_while_the_worker_runs(bench, caplog):
    async with bench.running():
        bench.put("shadow-1")
        await bench.until(lambda: bench.in_use == ["shadow-1"])
        bench.put("shadow-2", seed=2)
        await bench.until(lambda: bench.in_use == ["shadow-2"])
        remove_shadow(bench.models_dir)
        await bench.until(lambda: bench.in_use == [])
    assert errors(caplog) == []
    assert bench.value("shadow_model_refused") == 0


@pytest.mark.parametrize("fault", ["torn", "missing", "old", "no version"])
async def test_a_broken_shadow_model_is_one_log_line_and_leaves_none(bench, caplog, fault):
    directory = bench.put()
    if fault == "torn":
        (directory / ONNX).write_bytes(b"torn")
    elif fault == "missing":
        set_shadow(bench.models_dir, "nowhere")
    elif fault == "old":
        stats = json.loads((directory / STATS).read_text())
        del stats["range_factor"]
        (directory / STATS).write_text(json.dumps(stats))
        rewrite_manifest(directory)
    else:
        (bench.models_dir / "shadow").write_text("../elsewhere")
    async with bench.running():
        await bench.until(lambda: bench.value("shadow_model_refused") == 1)
        bench.commit()
        for name in (STATS, "touched"):  # its files change and the error stays the same
            (directory / name).touch()
            await bench.shadow._model.check()
        assert bench.in_use == []
        (line,) = errors(caplog)
        assert line.startswith("rejected the shadow model: ")
        bench.put("whole", seed=3)
        await bench.until(lambda: bench.in_use == ["whole"])
    assert bench.value("shadow_model_refused") == 0


def rewrite_manifest(directory):
    from tests.bundles import write_manifest

    (directory / MANIFEST).unlink()
    write_manifest(directory, directory.name)


async def test_a_shadow_model_that_fails_is_counted_and_told_once(bench, caplog, monkeypatch):
    bench.put()
    async with bench.running():
        await bench.until(lambda: bench.in_use)
        score = Scorer.score

        def failing(self, *arguments):
            if self.bundle.version == "shadow-1":
                raise RuntimeError("broken on purpose")
            return score(self, *arguments)

        with monkeypatch.context() as patched:
            patched.setattr(Scorer, "score", failing)
            for first in (0, 10):
                assert len(bench.commit(first).values) == 10
            await bench.until(lambda: bench.left_out("failed") == 20)
        bench.commit(20)
        await bench.until(lambda: bench.compared == 10)
    (line,) = errors(caplog)
    assert line.startswith("shadow model shadow-1 failed on the batch at rate-histories-0@0")


async def test_messages_that_only_the_shadow_model_rejects_are_counted(bench):
    bench.settings = bench.settings.model_copy(update={"max_message_bytes": 1024})
    bench.shadow = ShadowScoring(bench.settings, bench.metrics)
    bench.put()
    async with bench.running():
        await bench.until(lambda: bench.in_use)
        long = [FakeRecord(record.value + b" " * 1024, offset=record.offset) for record in records(0, 3)]
        bench.shadow.committed(bench.champion.score([*long, *records(3, 2)], NOW))
        await bench.until(lambda: bench.compared == 2)
    assert bench.left_out("rejected") == 3


async def test_a_slow_shadow_model_holds_up_nothing_and_what_waits_is_bounded(bench, monkeypatch):
    bench.put()
    score, released = Scorer.score, threading.Event()

    def slow(self, *arguments):
        if self.bundle.version == "shadow-1":
            assert released.wait(20)
        return score(self, *arguments)

    async with bench.running():
        await bench.until(lambda: bench.in_use)
        monkeypatch.setattr(Scorer, "score", slow)
        bench.commit()
        await bench.until(bench.shadow._waiting.empty)  # the first is being scored
        for number in range(1, WAITING_BATCHES + 3):
            bench.commit(first=10 * number)
        assert bench.left_out("busy") == 20
        assert bench.compared == 0
        released.set()
        await bench.until(lambda: bench.compared == 10 * (WAITING_BATCHES + 1))


async def test_a_look_for_a_shadow_model_that_breaks_does_not_end_the_next(bench, monkeypatch, caplog):
    check, looks = bench.shadow._model.check, []

    async def broken_once():
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("broken on purpose")
        await check()

    monkeypatch.setattr(bench.shadow._model, "check", broken_once)
    bench.put()
    async with bench.running():
        await bench.until(lambda: bench.in_use)
    assert errors(caplog) == ["checking for a shadow model failed"]
