from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import confluent_kafka
import numpy as np
import pytest

from producer import replay as replay_module
from producer.plan import histories
from producer.plan.faults import FaultKind
from producer.plan.pace import Pace
from producer.replay import ReplaySummary, replay
from ratecast.contract.messages import RateHistory
from ratecast.errors import BrokerUnavailableError, OperationError, UsageError
from ratecast.kafka.reader import read_topic, record_counts
from ratecast.kafka.topics import ensure_topics
from ratecast.rates.tables import RateTable
from ratecast.settings import Settings
from ratecast_cli import console
from ratecast_cli import replay_command as command
from ratecast_stack.embedded import EmbeddedBroker
from tests.producer import commands

pytestmark = pytest.mark.one_engine

PAIRS = ("EUR/USD", "EUR/GBP", "EUR/JPY", "EUR/CHF", "EUR/SEK")


def plan(days: int, window: int = 5) -> histories.Plan:
    dates = np.arange("2025-01-01", days + window - 1, dtype="datetime64[D]")
    walk = 1 + 0.01 * np.sin(np.arange(len(dates)))
    return histories.plan(RateTable("t", dates, dict.fromkeys(PAIRS, walk)), PAIRS, window=window)


async def published(settings: Settings) -> list:
    reading = read_topic(settings, settings.input_topic, from_beginning=True, follow=False)
    async with asyncio.timeout(20):
        return [record async for record in reading]


def identifiers(records: list) -> Counter[str]:
    return Counter(json.loads(record.value)["message_id"] for record in records)


async def test_every_message_of_the_plan_arrives_once_and_a_pair_keeps_its_order(settings):
    whole = plan(1000)
    summary = await replay(settings, whole, Pace(None))
    records = await published(settings)
    assert {record.value for record in records} == {m.value for m in whole.messages(0, len(whole))}
    assert summary.messages == len(records) == len(whole) == 5000
    for pair in PAIRS:
        own = [record for record in records if record.key == pair.encode()]
        days = [json.loads(record.value)["as_of"] for record in own]
        assert days == sorted(days)
        assert len({record.partition for record in own}) == 1
    RateHistory.model_validate_json(records[0].value)
    assert (summary.pairs, summary.laps, summary.partitions) == (5, 1, 4)
    assert (summary.first_day, summary.last_day) == (whole.day(0), whole.day(len(whole) - 1))
    assert summary.partitions_used == len({record.partition for record in records})
    assert summary.resume_from is None


async def test_a_foreign_client_finds_each_key_on_the_same_partition(settings):
    await replay(settings, plan(1), Pace(None))
    client = confluent_kafka.Producer(
        {"bootstrap.servers": settings.bootstrap_servers, "partitioner": "murmur2_random"}
    )
    for pair in PAIRS:
        client.produce(settings.input_topic, b"{}", key=pair.encode())
    assert client.flush(20) == 0
    places: dict[bytes, set[int]] = {}
    for record in await published(settings):
        places.setdefault(record.key, set()).add(record.partition)
    assert {len(partitions) for partitions in places.values()} == {1}
    assert len(set.union(*places.values())) > 1


async def test_a_stopped_replay_ends_with_a_whole_day_and_resuming_there_repeats_and_skips_nothing(settings):
    whole, stop = plan(200), asyncio.Event()

    def stop_within_a_day(progress) -> None:
        if progress.sent >= 502:  # 5 pairs: two messages into a day
            stop.set()

    # Slow enough that a stalled machine does not send the second half before the stop is seen.
    first = await replay(settings, whole, Pace(1_000), stop=stop, on_progress=stop_within_a_day)
    assert 502 <= first.messages < len(whole)
    assert first.messages % 5 == 0
    assert first.resume_from == str(np.datetime64(first.last_day) + np.timedelta64(1, "D"))
    rest = histories.plan(
        RateTable("t", whole.tapes[0].dates, dict.fromkeys(PAIRS, 1 + 0.01 * np.sin(np.arange(204)))),
        PAIRS,
        dt.date.fromisoformat(first.resume_from),
        window=5,
    )
    await replay(settings, rest, Pace(None))
    assert set(identifiers(await published(settings)).values()) == {1}
    assert len(identifiers(await published(settings))) == len(whole)


async def test_a_loop_goes_on_until_stopped_and_its_message_ids_stay_unique(settings):
    small, stop = plan(3), asyncio.Event()

    def stop_in_the_third_lap(progress) -> None:
        if progress.sent > 2 * len(small):
            stop.set()

    summary = await replay(
        settings, small, Pace(None), loop=True, stop=stop, on_progress=stop_in_the_third_lap
    )
    seen = identifiers(await published(settings))
    assert summary.laps == 3
    assert len(seen) == summary.messages
    assert set(seen.values()) == {1}


async def test_the_pace_is_kept(settings):
    summary = await replay(settings, plan(20), Pace(200.0))
    assert summary.messages == 100
    # The last of 100 messages is due after 99 / 200 s; being late by more would be a drift.
    assert 0.495 <= summary.seconds < 1.5
    stamps = sorted(record.timestamp for record in await published(settings))
    assert stamps[-1] - stamps[0] >= 450, "messages were bunched"


async def test_when_the_broker_goes_away_the_error_says_what_arrived_and_resuming_there_skips_nothing(
    tmp_path,
):
    whole = plan(4000)
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers, give_up_seconds=0.5)

        def break_down(progress) -> None:
            if progress.delivered >= 2000:
                broker.stop()

        with pytest.raises(OperationError) as failure:
            await replay(settings, whole, Pace(None), on_progress=break_down)
    match = re.fullmatch(
        r"([\d,]+) messages were delivered, then an error occurred: .+; resume with --from (\S+)",
        str(failure.value),
    )
    assert match, str(failure.value)
    delivered = int(match[1].replace(",", ""))
    assert 2000 <= delivered < len(whole)
    # Everything before that day has arrived: it cannot be more than was acknowledged.
    assert np.searchsorted(whole.days, np.datetime64(match[2])) <= delivered


async def test_a_replay_that_is_stopped_while_the_broker_is_away_ends_soon_and_says_where_to_resume(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(replay_module, "_STOP_SECONDS", 0.5)
    stop = asyncio.Event()
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers, give_up_seconds=300)

        def break_down(progress) -> None:
            if progress.delivered >= 2000 and not stop.is_set():
                broker.stop()
                stop.set()

        with pytest.raises(OperationError) as failure:
            await asyncio.wait_for(
                replay(settings, plan(4000), Pace(None), loop=True, stop=stop, on_progress=break_down), 30
            )
    assert "stopped, and the brokers did not take the rest within 0.5 s; resume with --from 20" in str(
        failure.value
    )


async def test_without_a_broker_nothing_is_published_and_the_error_says_so():
    settings = Settings(bootstrap_servers="127.0.0.1:9", connect_timeout_seconds=0.1)
    with pytest.raises(BrokerUnavailableError, match="ratecast broker"):
        await replay(settings, plan(1), Pace(None))


def invoke(*arguments: str):
    return commands.invoke(command, *arguments)


@pytest.fixture
def environment(settings, monkeypatch) -> dict[str, str]:
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


def test_the_command_replays_a_user_s_csv_and_sums_it_up(settings, environment, tmp_path):
    csv = tmp_path / "rates.csv"
    csv.write_text("date,USD,GBP\n" + "".join(f"2025-01-{day:02},1.1,0.8{day}\n" for day in range(1, 11)))
    result = invoke(
        "--csv", str(csv), "--window", "3", "--from", "2025-01-05", "--to", "2025-01-06", "--json"
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["messages"], summary["pairs"], summary["resume_from"]) == (4, 2, None)
    assert set(identifiers(asyncio.run(published(settings)))) == {
        f"EUR/{name}@2025-01-0{day}+w3" for name in ("USD", "GBP") for day in (5, 6)
    }
    table = invoke("--csv", str(csv), "--window", "3", "--pair", "EUR/GBP")
    assert re.search(r"messages +8 *\n", table.stdout)
    assert "2025-01-03 to 2025-01-10" in table.stdout


def test_the_command_injects_faults_and_says_what_where_and_how_much(settings, environment, tmp_path):
    csv = tmp_path / "rates.csv"
    csv.write_text("date,USD,GBP\n" + "".join(f"2025-01-{day:02},1.1,0.8{day}\n" for day in range(1, 11)))
    options = ["--csv", str(csv), "--window", "3", "--from", "2025-01-05", "--json"]
    faults = ["--inject", "level-jump:EUR/USD@2025-01-08", "--inject", "gap@2025-01-06+1"]
    clean, faulty = invoke(*options), invoke(*options, *faults)
    assert (clean.exit_code, faulty.exit_code) == (0, 0), faulty.output
    assert clean.stderr == ""
    assert faulty.stderr.splitlines() == [
        "injected level-jump into EUR/USD: 3 rates faulty, 2025-01-08 to 2025-01-10",
        "injected gap into 2 pairs: 2 rates missing, 2025-01-06",
    ]
    assert (json.loads(clean.stdout)["messages"], json.loads(faulty.stdout)["messages"]) == (12, 10)
    assert json.loads(clean.stdout)["injected"] == []
    gone = {"kind": "gap", "other": None, "first_day": "2025-01-06", "last_day": "2025-01-06", "rates": 1}
    assert json.loads(faulty.stdout)["injected"] == [
        {"kind": "level-jump", "pair": "EUR/USD", "other": None, "first_day": "2025-01-08",
         "last_day": "2025-01-10", "rates": 3},
        {**gone, "pair": "EUR/USD"},
        {**gone, "pair": "EUR/GBP"},
    ]  # fmt: skip
    records = asyncio.run(published(settings))
    assert set(identifiers(records).values()) == {1}
    dollars = [json.loads(record.value) for record in records if record.key == b"EUR/USD"]
    histories_of = {m["as_of"]: m["history"] for m in dollars if "+f" in m["message_id"]}
    assert histories_of["2025-01-09"] == [1.1, 11.0, 11.0]
    assert "2025-01-06" not in histories_of


def test_the_help_teaches_every_kind_of_fault():
    text = invoke("--help").stdout
    assert all(f"{kind} (" in text for kind in FaultKind)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--inject", "explode@2025-01-01"], "kinds: level-jump"),
        (["--inject", "step@2999-01-01"], "no rate on that day or later"),
        (["--pair", "EUR/XXX"], "no XXX"),
        (["--pair", "eurgbp"], "'eurgbp' is not a pair: write two currencies like EUR/GBP"),
        (["--from", "2025-02-01", "--to", "2025-01-01"], "swap them"),
        (["--from", "2999-01-01"], "holds 1999"),
        (["--from", "yesterday"], "2025-01-31"),
        (["--rate", "fast"], "500/s"),
        (["--csv", "/nowhere.csv"], "/nowhere.csv"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_fix_before_any_broker_is_asked(arguments, fault):
    result = invoke(*arguments, "--bootstrap-servers", "127.0.0.1:9")
    assert isinstance(result.exception, UsageError)
    assert fault in str(result.exception)


def test_pairs_may_be_typed_in_lower_case(settings, environment):
    fault = "wrong-pair=eur/gbp:eur/usd@2025-01-07"
    options = ("--from", "2025-01-06", "--to", "2025-01-08", "--pair", "eur/usd", "--pair", "Eur/gbp")
    result = invoke(*options, "--inject", fault)
    assert result.exit_code == 0, result.exception
    assert {record.key for record in asyncio.run(published(settings))} == {b"EUR/USD", b"EUR/GBP"}
    assert "wrong-pair into EUR/USD" in result.stderr


def test_a_hole_in_the_rates_is_told(settings, environment, tmp_path):
    csv = tmp_path / "rates.csv"
    days = [f"2025-0{month}-{day:02}" for month in (1, 3, 7) for day in range(1, 6)]
    csv.write_text("date,USD,GBP\n" + "".join(f"{day},1.1,{'' if '-07-' in day else 0.8}\n" for day in days))
    result = invoke("--csv", str(csv), "--window", "3")
    assert result.exit_code == 0, result.exception
    longest = "EUR/USD: no rates between 2025-03-05 and 2025-07-01, the longest of 2 holes"
    assert result.stderr.splitlines() == [
        f"{longest}; the next message comes after 3 more rates",
        "EUR/GBP: no rates between 2025-01-05 and 2025-03-01; the next message comes after 3 more rates",
    ]
    later = invoke("--csv", str(csv), "--window", "3", "--from", "2025-03-02", "--pair", "EUR/GBP")
    assert later.stderr == ""


def test_what_took_no_time_has_no_rate(settings, environment):
    summary = ReplaySummary("t", 22, 1, "2025-01-01", "2025-01-31", 1, 0.004, 4, 1, None)
    with console.out.capture() as shown:
        command.show(summary)
    assert "0.00 s" in shown.get()
    assert "msg/s" not in shown.get()
    with console.out.capture() as shown:
        command.show(dataclasses.replace(summary, seconds=2.0))
    assert "2.00 s, 11 msg/s" in shown.get()


@pytest.mark.parametrize(("loop", "code", "what"), [([], 130, "interrupted"), (["--loop"], 0, "stopped")])
def test_ctrl_c_stops_the_program_in_order_and_says_where_to_resume(settings, environment, loop, code, what):
    asyncio.run(ensure_topics(settings))
    options = ["--from", "2020-01-01", "--rate", "300/s", "--json", *loop]
    with subprocess.Popen(
        [sys.executable, "-m", "producer.replay", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while asyncio.run(record_counts(settings, [settings.input_topic]))[settings.input_topic] < 50:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    summary = json.loads(stdout)
    assert process.returncode == code
    rates, resume = stderr.splitlines()
    assert rates.startswith("rates     the ECB's rates until ")
    assert resume == f"{what}: resume with --from {summary['resume_from']}"
    records = asyncio.run(published(settings))
    assert len(records) == summary["messages"]
    assert max(json.loads(r.value)["as_of"] for r in records) == summary["last_day"] < summary["resume_from"]
