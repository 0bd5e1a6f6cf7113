"""The loop closed: a feed is scored, learnt from, and scored by what was learnt. Invented rates."""

from __future__ import annotations

import asyncio
import json
import re

import numpy as np
import pytest

from producer.plan import histories
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.contract.wire import decode_prediction
from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast.kafka.topics import ensure_topics
from ratecast.model.bundle import CURRENT, current_version, load
from ratecast.rates import left_out, screening
from ratecast.rates.tables import RateTable
from ratecast_cli import retrain_command as command
from tests.integration.workers import publish, read, running_worker, until
from tests.producer import commands
from training.forests import ForestSettings
from training.train import train
from training.train_options import TrainOptions

pytestmark = pytest.mark.one_engine

PAIRS = ("EUR/GBP", "EUR/USD")
DATES = np.busday_offset("2018-01-01", np.arange(700), roll="forward").astype("datetime64[D]")
OLD = 500  # days the first model knows; the feed brings the others
SPIKE = 600
RULES = ("SPIKE", "EXCURSION", "UNCONFIRMED", "CONTRADICTION", "FUTURE")


def walk(seed):
    return np.exp(0.005 * np.cumsum(np.random.default_rng(seed).standard_normal(700)))


RATES = {pair: walk(seed) for seed, pair in enumerate(PAIRS)}


def table(count=None, **columns):
    return RateTable("invented", DATES[:count], {p: r[:count] for p, r in (columns or RATES).items()})


def write_csv(path, rates):
    lines = ["date," + ",".join(rates)]
    lines += [
        f"{day}," + ",".join(repr(float(column[row])) for column in rates.values())
        for row, day in enumerate(DATES[: len(next(iter(rates.values())))])
    ]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def first_model(tmp_path_factory):
    models_dir = tmp_path_factory.mktemp("first")
    train(TrainOptions(models_dir=models_dir, table=table(OLD), forest=ForestSettings(trees=10)))
    return models_dir


@pytest.fixture
def learning(settings, first_model, tmp_path, monkeypatch):
    import shutil

    models_dir = shutil.copytree(first_model, tmp_path / "models")
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(models_dir))
    return settings.model_copy(update={"models_dir": models_dir, "model_check_seconds": 0.05})


async def run(*arguments):
    return await asyncio.to_thread(commands.invoke, command, *arguments)


async def test_a_feed_is_scored_learnt_from_and_scored_by_what_was_learnt(learning, tmp_path):
    faulty = {pair: rates.copy() for pair, rates in RATES.items()}
    faulty["EUR/USD"][SPIKE] *= 10
    base = write_csv(tmp_path / "base.csv", {pair: rates[:OLD] for pair, rates in RATES.items()})
    feed = RateTable("feed", DATES, faulty)
    plan = histories.plan(feed, PAIRS, start=DATES[OLD].astype(object), window=10)
    undated = json.dumps({"history": [1.0, 1.01, 1.02], "pair": "EUR/USD"}).encode()
    foreign = json.dumps({"history": [7.4, 7.5, 7.6], "pair": "EUR/DKK", "as_of": "2020-01-02"}).encode()
    ahead = {"history": faulty["EUR/USD"][-3:].tolist(), "pair": "EUR/USD", "as_of": "2099-01-04"}
    first = current_version(learning.models_dir)
    async with running_worker(learning) as worker:
        await replay(learning, plan, Pace(None))
        await publish(learning, [(b"k", undated, []), (b"k", b"{", []), (b"k", foreign, [])])
        await publish(learning, [(b"k", json.dumps(ahead).encode(), [])])
        result = await run("--base", base, "--json")
        assert result.exit_code == 0, result.exception
        found = json.loads(result.stdout)
        await until(lambda: worker.models.version == found["promoted"])
        await publish(learning, [(b"EUR/USD", undated, [])])
        count = len(plan) + 3
        predictions = await read(learning, learning.output_topic, count, quiet_seconds=0.2)
    assert found["champion"] == first != found["promoted"]
    assert found["comparison"]["objections"] == []
    assert found["comparison"]["all"]["challenger"]["n"] == 2 * 60
    topic = found["topic"]
    counts = tuple(topic[name] for name in ("messages", "dated", "undated", "undecodable"))
    assert counts == (len(plan) + 4, len(plan) + 2, 1, 1)
    assert list(topic["pairs"]) == ["EUR/DKK", *PAIRS]
    assert found["left_out"] == [
        {"pair": "EUR/USD", "day": str(DATES[SPIKE]), "rate": faulty["EUR/USD"][SPIKE], "rule": "excursion"},
        {"pair": "EUR/USD", "day": "2099-01-04", "rate": ahead["history"][-1], "rule": "future"},
    ]
    # Windows of ten reach nine days back into the base's days.
    assert found["taken"] == {"EUR/GBP": 209, "EUR/USD": 208}

    stats = load(learning.models_dir).stats
    assert (stats.model_version, stats.trained_until) == (found["promoted"], str(DATES[-1]))
    assert stats.pairs["EUR/USD"].sigma == pytest.approx(0.005, rel=0.1), "the spike was learnt"
    versions = [decode_prediction(record.value).model_version for record in predictions]
    assert len(versions) == count
    assert {versions.count(version) for version in (first, found["promoted"])} == {count - 1, 1}


async def test_a_worse_model_is_exit_code_one_and_changes_nothing(learning, tmp_path):
    wild = {}
    for pair, rates in RATES.items():
        returns = np.diff(np.log(rates), prepend=0)
        factor = np.where(np.random.default_rng(1).random(700) < 0.1, 6.0, 1.0)
        factor[640:] = 1
        wild[pair] = np.exp(np.cumsum(factor * returns))
    base = write_csv(tmp_path / "wild.csv", wild)
    await ensure_topics(learning)
    first = current_version(learning.models_dir)
    result = await run("--base", base)
    assert isinstance(result.exception, OperationError)
    assert "worse on the days held back: its Winkler score 95" in str(result.exception)
    assert str(result.exception).endswith(f"{first} is still the current model")
    assert "all" in result.stdout.splitlines()[-1]
    assert current_version(learning.models_dir) == first
    assert sorted(path.name for path in learning.models_dir.iterdir()) == sorted([first, CURRENT])


async def test_people_are_told_what_was_read_judged_and_left_out(learning, tmp_path):
    base = write_csv(tmp_path / "base.csv", {pair: rates[:OLD] for pair, rates in RATES.items()})
    faulty = RATES | {"EUR/USD": RATES["EUR/USD"] * np.where(np.arange(700) >= 680, 10, 1)}
    plan = histories.plan(RateTable("feed", DATES, faulty), PAIRS, start=DATES[OLD].astype(object), window=10)
    await replay(learning, plan, Pace(None))
    level = RATES["EUR/GBP"][-3:].tolist()
    ahead = {"history": level, "pair": "EUR/GBP", "as_of": "2099-01-04"}
    newest_first = {"history": level, "pair": "EUR/GBP", "times": DATES[:-4:-1].astype(str).tolist()}
    await publish(learning, [(b"k", json.dumps(message).encode(), []) for message in (ahead, newest_first)])
    first = current_version(learning.models_dir)
    result = await run("--base", base, "--dry-run")
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert lines[0] == (
        f"topic     402 messages on {learning.input_topic}: 401 with dates, 0 without, 1 with dates out of order, "
        "0 unreadable"
    )
    assert lines[1].startswith("rates     ")
    assert f" from the topic, the rest from {base}, {DATES[0]} to {DATES[-1]}" in lines[1]
    assert lines[2:7] == [
        "left out  21 rates that look like faults:",
        "          20 unconfirmed: far from the rates before it, and no later rate confirms it",
        "          1 future: dated later than tomorrow",
        f"          EUR/GBP 2099-01-04: {level[-1]:.6g} (future)",
        f"          EUR/USD {DATES[680]} to {DATES[699]}: 20 rates (unconfirmed)",
    ]
    assert any(
        line.startswith(f"The current model {first} (old) and the new one on 60 days") for line in lines
    )
    words = next(line for line in lines if line.split() == ["old", "new"] * 5)
    numbers = next(line for line in lines if line.startswith("all "))
    ends = [[match.end() for match in re.finditer(r"\S+", line)] for line in (words, numbers)]
    assert ends[0] == ends[1][2:], "each word stands above its number"
    assert any(line.startswith("all") and "1.0000 1.0000" in line for line in lines)
    assert max(len(line) for line in lines if line.startswith(("pair ", "EUR/", "all "))) <= 80
    assert lines[-1].startswith("the new model is not worse")
    assert current_version(learning.models_dir) == first


async def test_a_pair_without_rates_is_refused_rather_than_lost(learning):
    await ensure_topics(learning)
    result = await run("--base", "none")
    assert isinstance(result.exception, UsageError)
    assert "no rates of EUR/GBP, EUR/USD" in str(result.exception)


async def test_without_a_base_none_is_named_and_a_pair_may_be_typed_in_lower_case(learning):
    faulty = RATES | {"USD/SEK": RATES["EUR/USD"]}
    plan = histories.plan(RateTable("feed", DATES, faulty), tuple(faulty), window=10)
    await replay(learning, plan, Pace(None))
    result = await run("--base", "none", "--dry-run", "--pair", "usd/sek")
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert lines[1] == f"rates     2,100 from the topic, no base, {DATES[0]} to {DATES[-1]}"
    assert not any(line.startswith(("not trained", "left out")) for line in lines)


def test_every_reason_to_leave_a_rate_out_is_explained_in_the_help():
    assert set(left_out.RULES) == {getattr(screening, rule) for rule in RULES}
    text = " ".join(commands.invoke(command, "--help").stdout.split())
    assert all(f"{rule}: {meaning}" in text for rule, meaning in left_out.RULES.items())


async def test_a_topic_that_is_not_there_and_a_missing_model_are_one_line(learning, tmp_path):
    result = await run()
    assert isinstance(result.exception, OperationError)
    assert "does not exist" in str(result.exception)
    result = await run("--models-dir", str(tmp_path / "none"))
    assert isinstance(result.exception, ModelBundleError)
    assert "ratecast train" in str(result.exception)
