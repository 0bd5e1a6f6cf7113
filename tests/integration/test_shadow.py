"""A worker with a shadow model: only the champion's predictions are published, both are measured, one takes over."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from producer.plan import histories
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.contract.wire import decode_prediction
from ratecast.kafka.audit import audit
from ratecast.model.bundle import ONNX, current_version
from ratecast.model.shadow_pointer import set_shadow, shadow_version
from ratecast.rates.tables import RateTable
from ratecast_cli import retrain_command
from tests.bundles import LEVELS, SIGMA, write_bundle
from tests.integration.workers import read, running_worker, until
from tests.producer import commands

pytestmark = pytest.mark.one_engine

DAYS = 120


@pytest.fixture
def shadowed(settings, tmp_path, monkeypatch):
    write_bundle(tmp_path, "champion")
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(tmp_path))
    return settings.model_copy(update={"models_dir": tmp_path, "model_check_seconds": 0.05})


def plan():
    dates = np.arange("2025-01-01", "2027-01-01", dtype="datetime64[D]")[:DAYS]
    steps = np.random.default_rng(3).normal(0, SIGMA, (len(LEVELS), DAYS)).cumsum(axis=1)
    walks = {pair: level * np.exp(walk) for (pair, level), walk in zip(LEVELS.items(), steps, strict=True)}
    return histories.plan(RateTable("invented", dates, walks), tuple(LEVELS), window=10)


async def test_a_shadow_model_is_measured_publishes_nothing_and_takes_over(shadowed, tmp_path, caplog):
    messages = len(plan())

    async def more_scored(worker):
        start = worker.http._registry.get_sample_value("predictions_published_total")
        await replay(shadowed, plan(), Pace(None))
        await until(
            lambda: worker.http._registry.get_sample_value("predictions_published_total") == start + messages
        )

    async with running_worker(shadowed) as worker:

        def value(name, **labels):
            return worker.http._registry.get_sample_value(name, labels)

        def compared():
            return sum(value("shadow_compared_forecasts_total", pair=pair) or 0 for pair in LEVELS)

        def left_out():
            return sum(
                value("shadow_left_out_messages_total", reason=reason)
                for reason in ("busy", "failed", "rejected")
            )

        await more_scored(worker)
        assert value("shadow_model_refused") == 0

        torn = write_bundle(tmp_path, "torn", seed=2, make_current=False)
        (torn / ONNX).write_bytes(b"torn")
        set_shadow(tmp_path, "torn")
        await until(lambda: value("shadow_model_refused") == 1)
        await more_scored(worker)
        assert compared() == 0

        write_bundle(tmp_path, "challenger", make_current=False)  # the champion's forest under another name
        set_shadow(tmp_path, "challenger")
        await until(lambda: value("shadow_model_info", version="challenger", champion="champion"))
        await more_scored(worker)
        await until(lambda: compared() + left_out() == messages)
        assert compared() >= 100
        arguments = ("--promote", "--metrics-url", f"http://127.0.0.1:{worker.http.port}/metrics")
        refused = await asyncio.to_thread(commands.invoke, retrain_command, *arguments)
        assert "1,200 are needed" in str(refused.exception)
        result = await asyncio.to_thread(commands.invoke, retrain_command, *arguments, "--forecasts", "100")
        assert result.exit_code == 0, result.exception
        await until(lambda: worker.models.version == "challenger")
        await until(lambda: value("shadow_model_info", version="challenger", champion="champion") is None)
        await more_scored(worker)
        assert value("transactions_total", outcome="aborted") == 0
        assert value("rebalances_total") == 1
    assert (current_version(tmp_path), shadow_version(tmp_path)) == ("challenger", None)
    rejections = [r for r in caplog.records if r.getMessage().startswith("rejected the shadow model")]
    assert len(rejections) == 1

    result = await audit(shadowed, wait_seconds=30)
    assert result.exactly_once
    predictions = await read(shadowed, shadowed.output_topic, 4 * messages, quiet_seconds=0.2)
    versions = [decode_prediction(record.value).model_version for record in predictions]
    assert (versions.count("champion"), versions.count("challenger")) == (3 * messages, messages)
