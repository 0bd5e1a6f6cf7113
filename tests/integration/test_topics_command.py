from __future__ import annotations

import asyncio
import json

import pytest

from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.errors import BrokerUnavailableError
from ratecast_cli import topics_command as command
from tests.integration.test_replay import plan
from tests.producer import commands

pytestmark = pytest.mark.one_engine


def invoke(*arguments: str):
    return commands.invoke(command, *arguments)


@pytest.fixture(autouse=True)
def _environment(settings, monkeypatch):
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)


def test_missing_topics_are_created_once_and_records_are_counted(settings):
    first, second = invoke("--json"), None
    asyncio.run(replay(settings, plan(2), Pace(None)))
    second = invoke("--json")
    names = [settings.input_topic, settings.output_topic, settings.dead_letter_topic]
    assert json.loads(first.stdout) == [
        {"name": name, "partitions": 4, "created": True, "records": 0} for name in names
    ]
    assert json.loads(second.stdout) == [
        {"name": name, "partitions": 4, "created": False, "records": records}
        for name, records in zip(names, (10, 0, 0), strict=True)
    ]


def test_the_table_shows_all_three(settings):
    lines = invoke().stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "topic",
        settings.input_topic,
        settings.output_topic,
        settings.dead_letter_topic,
    ]
    assert all("created" in line for line in lines[1:])


def test_without_a_broker_it_says_so(monkeypatch):
    monkeypatch.setenv("RATECAST_CONNECT_TIMEOUT_SECONDS", "0.1")
    result = invoke("-b", "127.0.0.1:9")
    assert isinstance(result.exception, BrokerUnavailableError)
