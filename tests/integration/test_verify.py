from __future__ import annotations

import asyncio
import json

import confluent_kafka
import pytest

from ratecast.errors import OperationError
from ratecast_cli import verify_command as command
from tests.bad_records import GOOD
from tests.integration.test_audit import commit, create_topics, outcomes, write
from tests.integration.workers import publish, read, running_worker
from tests.producer import commands


@pytest.fixture(autouse=True)
def _environment(settings, monkeypatch) -> None:
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RATECAST_GROUP_ID", settings.group_id)


async def run(*arguments: str):
    return await asyncio.to_thread(commands.invoke, command, *arguments)


async def test_what_workers_did_is_sound_and_the_exit_code_is_zero(settings):
    async with running_worker(settings):
        await publish(settings, [(b"a", GOOD, []), (b"a", b"{", []), (b"b", GOOD, [])])
        await read(settings, settings.output_topic, 2, quiet_seconds=0.1)
        await read(settings, settings.dead_letter_topic, 1, quiet_seconds=0.1)
        result = await run("--json", "--wait", "20")
    assert result.exit_code == 0, result.exception
    found = json.loads(result.stdout)
    counts = {name: found[name] for name in ("published", "scored", "dead_lettered", "exactly_one")}
    assert counts == {"published": 3, "scored": 2, "dead_lettered": 1, "exactly_one": 3}
    assert found["exactly_once"] is True
    assert (await run()).stdout.splitlines()[-1] == "every input has exactly one outcome"


async def test_offenders_are_named_by_offset_and_the_exit_code_is_one(settings):
    """Offsets 0 and 4 are duplicated; 1, 2, 3 and 5 are lost; 6 and 7 are pending."""
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])] * 8, partition=2)
    async with outcomes(settings) as producer:
        await write(producer, settings, scored=(0, 0, 4), dead=(4, 10_000))
        await producer.send_and_wait(settings.output_topic, b"foreign")
    await commit(settings, 6)
    result = await run("--json")
    found = json.loads(result.stdout)
    assert isinstance(result.exception, OperationError)
    assert str(result.exception) == "4 of 8 inputs lost, 2 duplicated"
    assert found["partitions"][2] == {
        "partition": 2,
        "committed": 6,
        "inputs": 8,
        "scored": 3,
        "dead_lettered": 1,
        "exactly_one": 0,
        "pending": [[6, 7]],
        "lost": [[1, 3], [5, 5]],
        "duplicated": [[0, 0], [4, 4]],
        "removed_by_retention": 0,
        "held_back": 0,
        "held_back_from": None,
        "unmatched": 1,
    }
    assert (found["lost"], found["duplicated"], found["pending"]) == (4, 2, 2)
    assert (found["unmatched"], found["unreadable"], found["exactly_once"]) == (1, 1, False)
    table = await run()
    assert isinstance(table.exception, OperationError)
    lines = table.stdout.splitlines()
    assert lines[3].split() == ["2", "8", "3", "1", "0", "2", "4", "2"]
    assert lines[5].split() == ["all", "8", "3", "1", "0", "2", "4", "2"]
    assert lines[6:8] == ["lost on partition 2: offsets 1-3, 5", "duplicated on partition 2: offsets 0, 4"]
    assert (
        lines[8]
        == f"pending: 2 inputs without an outcome yet; group {settings.group_id} has not reached them"
    )
    assert lines[9].startswith("unmatched: 1 outcome of inputs that are no longer on")
    assert lines[10].startswith("unreadable: 1 record, neither")
    assert len(lines) == 11


async def test_pending_alone_is_no_failure_but_is_said(settings):
    await create_topics(settings)
    await publish(settings, [(b"k", GOOD, [])])
    result = await run("--wait", "0.3")
    assert result.exit_code == 0, result.exception
    assert f"pending: 1 input without an outcome yet; group {settings.group_id} has never" in result.stdout
    assert "every input" not in result.stdout


async def test_an_input_with_a_header_name_that_is_not_utf8_is_counted(settings, monkeypatch):
    from aiokafka.consumer import fetcher

    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)  # put back after the test
    await create_topics(settings)
    producer = confluent_kafka.Producer({"bootstrap.servers": settings.bootstrap_servers})
    odd = ("\udcff".encode("utf-8", "surrogatepass"), b"2")
    producer.produce(settings.input_topic, GOOD, key=b"odd", headers=[odd], partition=0)
    assert producer.flush(10) == 0
    result = await run("--json")
    assert result.exit_code == 0, result.exception
    assert json.loads(result.stdout)["published"] == 1
