"""Rates with three injected faults through a broker and a worker: the report names pair and fault, and only those."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

import msgspec
import numpy as np
import pytest

from producer.plan import histories
from producer.plan.faults import parse_fault
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.contract import wire
from ratecast.errors import OperationError, UsageError
from ratecast.rates.tables import RateTable
from tests.bundles import LEVELS
from tests.integration.test_audit import create_topics
from tests.integration.workers import publish, read, running_worker
from tests.producer import commands
from tests.training.drift_report.planted import days, walk
from tests.training.drift_report.test_command import invoke

pytestmark = pytest.mark.one_engine

FAULTS = ("decimal-slip:EUR/USD@2025-06-02+10", "stuck:EUR/CHF@2025-09-01+8", "inverted:EUR/JPY@2025-11-03")


@pytest.fixture(autouse=True)
def _environment(settings, monkeypatch, tmp_path) -> None:
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(settings.models_dir))
    monkeypatch.chdir(tmp_path)


async def run(*arguments: str):
    return await asyncio.to_thread(invoke, *arguments)


def plan() -> histories.Plan:
    columns = {pair: walk(pair, 247) for pair in LEVELS}
    table = RateTable("invented", days(250).astype("datetime64[D]"), columns)
    return histories.plan(table, list(LEVELS), faults=[parse_fault(text) for text in FAULTS])


async def test_three_faults_are_named_and_the_quiet_pair_stays_quiet(settings, tmp_path):
    whole = plan()
    async with running_worker(settings):
        await replay(settings, whole, Pace(None))
        await publish(settings, [(None, b'{"history": [0.85, 0.86, 0.87]}', [])])
        records = await read(settings, settings.output_topic, len(whole) + 1)
    result = await run("--json")
    assert result.exit_code == 0, result.exception
    found = json.loads(result.stdout)
    assert (found["messages"], found["without_as_of"]) == (len(whole), 1)
    verdicts = {pair: one["verdict"]["text"] for pair, one in found["pairs"].items()}
    last = whole.day(len(whole) - 1)
    assert verdicts == {
        "EUR/USD": verdicts["EUR/USD"],
        "EUR/CHF": "check the feed of EUR/CHF: stuck (9 equal rates in a row) from 2025-09-01 to 2025-09-10",
        "EUR/JPY": verdicts["EUR/JPY"],
        "EUR/GBP": "nothing to do",
    }
    assert verdicts["EUR/USD"].startswith("check the feed of EUR/USD: decimal slip (100 times ")
    assert verdicts["EUR/USD"].endswith(") from 2025-06-02 to 2025-06-13")
    assert verdicts["EUR/JPY"].startswith("check the feed of EUR/JPY: inverted quote (0.00")
    assert verdicts["EUR/JPY"].endswith(f"since 2025-11-03, still ongoing on {last}")
    page = (tmp_path / "drift-report.html").read_text()
    assert page.count("<h2>EUR/") == 3
    assert json.loads((tmp_path / "drift-report.json").read_text()) == found
    _drift_is_as_published(found, records)


def _drift_is_as_published(found, records) -> None:
    """The report's classic rule against the bundle is the worker's, as long as both hold the same model."""
    predictions = [wire.decode_prediction(record.value) for record in records]
    for pair, one in found["pairs"].items():
        published = [row.drift.is_drift for row in predictions if row.pair == pair and row.as_of]
        assert one["drifted_share"]["any"] == pytest.approx(np.mean(published))


async def test_a_span_without_predictions_says_what_there_is(settings):
    whole = plan()
    async with running_worker(settings):
        await replay(settings, whole, Pace(None))
        await read(settings, settings.output_topic, len(whole))
    error = (await run("--from", "2030-01-01")).exception
    assert isinstance(error, UsageError)
    assert str(error) == (
        f"no predictions from 2030-01-01 to the newest in topic {settings.output_topic}: {len(whole)} are outside, "
        f"{whole.day(0)} to {whole.day(len(whole) - 1)}"
    )


async def test_an_empty_and_a_missing_topic_fail(settings):
    error = (await run()).exception
    assert isinstance(error, OperationError)
    assert f"topic {settings.output_topic} does not exist" in str(error)
    await create_topics(settings)
    error = (await run()).exception
    assert isinstance(error, OperationError)
    assert str(error) == f"there are no dated predictions in topic {settings.output_topic}"


async def test_a_pair_that_the_model_does_not_know_is_wrong_use_before_the_topic_is_read(settings):
    error = (await run("--pair", "EUR/XXX")).exception
    assert isinstance(error, UsageError)
    assert str(error) == "model test-1 does not know EUR/XXX; it knows EUR/GBP, EUR/USD, EUR/JPY, EUR/CHF"


async def test_another_models_predictions_and_what_are_none_are_counted(settings):
    whole = plan()
    async with running_worker(settings):
        await replay(settings, whole, Pace(None))
        records = await read(settings, settings.output_topic, len(whole))
    other = [
        msgspec.structs.replace(
            wire.decode_prediction(record.value),
            model_version="older-1",
            scored_at=dt.datetime(2100, 1, 1, tzinfo=dt.UTC).isoformat(),
        )
        for record in records[:50]
    ]
    onto = settings.model_copy(update={"input_topic": settings.output_topic})
    await publish(onto, [(row.pair.encode(), wire.encode_prediction(row), []) for row in other])
    await publish(onto, [(b"k", b"not a prediction", [])])
    found = json.loads((await run("--json")).stdout)
    assert (found["messages"], found["repeated"], found["unreadable"]) == (len(whole), 50, 1)
    assert found["model_versions"] == {"test-1": len(whole), "older-1": 50}
    assert "made by another model than test-1 (50 by older-1)" in found["notes"][0]
