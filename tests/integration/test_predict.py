from __future__ import annotations

import asyncio
import json
import re
from typing import get_args

import pytest

from producer.publish import new_message, publish_and_wait
from ratecast.contract.messages import Prediction
from ratecast.errors import BrokerUnavailableError, MessageRejectedError, OperationError, UsageError
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings
from ratecast_cli import predict_command as command
from tests.integration.workers import running_worker
from tests.producer import commands
from tests.rows import prediction_row

pytestmark = pytest.mark.one_engine


def invoke(*arguments: str):
    return commands.invoke(command, *arguments)


@pytest.fixture
def _environment(settings, monkeypatch):
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_environment")
async def test_the_command_prints_its_own_answer_as_a_table_or_as_json(settings):
    async with running_worker(settings):
        # Threads: the command has an event loop of its own.
        table = await asyncio.to_thread(invoke, "0.85", "0.86", "0.87")
        document = await asyncio.to_thread(
            invoke, "10", "20", "30", "--pair", "EUR/USD", "--as-of", "2025-01-31", "--json"
        )
    assert table.exit_code == 0, table.output
    for text in ("EUR/GBP", "0.87", "80 % range", "95 % range", "static", "drift", "test-1", "ms"):
        assert text in table.stdout
    lines = table.stdout.splitlines()
    assert [line.rstrip() for line in lines] == lines, "no padding where there is no terminal"
    assert (
        sum(
            "too few rates to estimate their volatility, so the volatility from training is used" in line
            for line in lines
        )
        == 1
    )
    prediction = json.loads(document.stdout)
    assert (prediction["pair"], prediction["as_of"], prediction["baseline"]) == ("EUR/USD", "2025-01-31", 30)
    assert prediction["drift"]["is_drift"]


@pytest.mark.usefixtures("_environment")
async def test_a_worker_with_optional_fields_answers_them(settings):
    settings = settings.model_copy(update={"horizons": "2,21", "quantiles": "5,50"})
    async with running_worker(settings):
        table = await asyncio.to_thread(invoke, "0.85", "0.86", "0.87", "--as-of", "2026-10-30")
        document = await asyncio.to_thread(invoke, "0.85", "0.86", "0.87", "--json")
    assert table.exit_code == 0, table.output
    for text in ("in 2 steps", "on 2026-11-03", "in 21 steps", "on 2026-11-30", "quantiles", "50 %"):
        assert text in table.stdout
    prediction = json.loads(document.stdout)
    assert [item["steps"] for item in prediction["horizons"]] == [2, 21]
    assert prediction["quantiles"].keys() == {"5", "50"}


@pytest.mark.usefixtures("_environment")
async def test_drifted_features_are_named_with_their_distance(settings):
    async with running_worker(settings):
        result = await asyncio.to_thread(invoke, "10", "20", "30")
    words = result.stdout.split()
    drift = words[words.index("drift") + 1 : words.index("alerts")]
    assert drift[0] == "yes"
    assert drift[1::3] == ["lag_1", "lag_2", "lag_3", "return_1", "return_2"]
    assert all(re.fullmatch(r"\+[\d,]+\.\d", score) for score in drift[2::3])


async def test_each_of_many_callers_gets_its_own_answer_or_its_own_refusal(settings):
    good = [new_message([1.0, 1.0, 1.0 + number / 100], "EUR/USD") for number in range(6)]
    bad = [new_message([1.0, 1.0, 1.0], pair) for pair in ("AAA/BBB", "CCC/DDD")]
    async with running_worker(settings):
        outcomes = await asyncio.gather(
            *(publish_and_wait(settings, message, 20) for message in [*bad, *good]), return_exceptions=True
        )
    assert ["AAA/BBB" in str(outcomes[0]), "CCC/DDD" in str(outcomes[1])] == [True, True]
    answers = [outcome.prediction for outcome in outcomes[2:]]
    assert [answer.message_id for answer in answers] == [message.message_id for message in good]
    assert [answer.baseline for answer in answers] == [message.history[-1] for message in good]


async def test_a_message_that_the_worker_refuses_is_reported_at_once_with_the_reason(settings):
    async with running_worker(settings):
        started = asyncio.get_running_loop().time()
        with pytest.raises(OperationError, match=r"message rejected: unknown_pair: .*XXX/YYY"):
            await publish_and_wait(settings, new_message([1, 2, 3], "XXX/YYY"), 30)
        assert asyncio.get_running_loop().time() - started < 15


@pytest.mark.usefixtures("_environment")
async def test_a_refusal_as_json_is_an_object_with_code_and_message(settings):
    async with running_worker(settings):
        result = await asyncio.to_thread(invoke, "1", "2", "3", "--pair", "xxx/yyy", "--json")
    assert isinstance(result.exception, MessageRejectedError)
    refusal = json.loads(result.stdout)
    assert set(refusal) == {"code", "message"}
    assert refusal["code"] == "unknown_pair"
    assert "XXX/YYY" in refusal["message"]
    assert str(result.exception) == f"message rejected: {refusal['code']}: {refusal['message']}"


async def test_without_a_worker_the_error_says_what_to_start(settings):
    await ensure_topics(settings)
    with pytest.raises(OperationError, match=r"no prediction arrived within 0\.3 s: .*`ratecast worker`"):
        await publish_and_wait(settings, new_message([1, 2, 3]), 0.3)


async def test_without_topics_the_error_names_them(settings):
    with pytest.raises(OperationError, match=rf"{settings.input_topic} does not exist .*`ratecast topics`"):
        await publish_and_wait(settings, new_message([1, 2, 3]), 5)


async def test_without_a_broker_the_error_comes_within_the_timeout():
    result = await asyncio.to_thread(invoke, "1", "2", "3", "--timeout", "0.2", "-b", "127.0.0.1:9")
    assert isinstance(result.exception, BrokerUnavailableError)
    assert "within 0.2 s" in str(result.exception)


def test_a_wrong_history_is_refused_before_any_broker_is_asked():
    result = invoke("1", "2", "-b", "127.0.0.1:9")
    assert isinstance(result.exception, UsageError)
    assert Settings().connect_timeout_seconds > 5  # it would have been waited for


@pytest.mark.parametrize("quality", get_args(Prediction.model_fields["interval_quality"].annotation))
def test_every_quality_of_a_range_is_explained(quality):
    row = prediction_row(0.857123)
    row.interval_quality = quality
    (words,) = [text for name, text, _ in command.rows(row) if name == "ranges"]
    assert words.startswith(f"{quality}: ")


def test_the_day_of_the_forecast_is_shown_if_the_message_had_a_date():
    row = prediction_row(1.0)
    assert "forecast for" not in [name for name, *_ in command.rows(row)]
    row.as_of, row.target = "2026-10-30", "2026-11-02"
    assert command.rows(row)[:4] == [
        ("pair", "EUR/GBP", "bold"),
        ("as of", "2026-10-30", ""),
        ("last rate", "1", ""),
        ("forecast for", "2026-11-02", ""),
    ]
