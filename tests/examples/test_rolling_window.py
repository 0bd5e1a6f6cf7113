"""The rolling window of `examples/` publishes what the replay publishes, and a worker scores it."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from producer.plan import histories
from ratecast.contract.messages import Prediction
from ratecast.kafka.audit import audit
from ratecast.kafka.topics import ensure_topics
from ratecast.rates.tables import load_ecb, series
from tests.examples.real_topic import variables
from tests.integration.workers import read, running_worker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratecast.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "rolling_window.py"
HEADER = "date,pair,rate"
PAIRS = ("EUR/GBP", "EUR/USD")
FILL, FIRST, LAST = dt.date(2026, 6, 1), dt.date(2026, 10, 1), dt.date(2026, 10, 30)


def published(settings: Settings, first: str, lines: Iterable[str]) -> str:
    """Run the example as a user does; returns what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), first],
        input="\n".join([HEADER, *lines]),
        env={**os.environ, **variables(settings)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == (1 if done.stderr else 0)
    return done.stderr


def ecb_lines() -> list[str]:
    """The ECB's rates of two pairs, by day."""
    table = load_ecb()
    rows = [
        (str(day), pair, rate)
        for pair in PAIRS
        for stretch in series(table, pair, FILL, LAST)
        for day, rate in zip(stretch.dates, stretch.rates.tolist(), strict=True)
    ]
    return [f"{day},{pair},{rate}" for day, pair, rate in sorted(rows)]


async def test_it_publishes_what_a_replay_publishes_and_a_worker_scores_it(settings):
    await ensure_topics(settings)
    lines = ecb_lines()
    friday = lines[-2:]
    weekend = [line.replace("2026-10-30", "2026-10-31") for line in friday]
    assert await asyncio.to_thread(published, settings, str(FIRST), [*lines, *weekend]) == ""
    plan = histories.plan(load_ecb(), PAIRS, FIRST, LAST)
    expected = {message.value: message.key for message in plan.messages(0, len(plan))}
    records = await read(settings, settings.input_topic, len(expected))
    assert {json.dumps(json.loads(record.value), sort_keys=True): record.key for record in records} == {
        json.dumps(json.loads(value), sort_keys=True): key for value, key in expected.items()
    }
    async with running_worker(settings):
        predictions = await read(settings, settings.output_topic, len(expected))
    assert (await audit(settings)).exactly_once
    scored = [Prediction.model_validate_json(record.value) for record in predictions]
    assert {prediction.interval_quality for prediction in scored} == {"adaptive"}
    for pair in PAIRS:
        days = [prediction.as_of for prediction in scored if prediction.pair == pair]
        assert days == sorted(set(days))


@pytest.fixture
def failing():
    """Lets the producer of `histories_of` report an error for each message."""
    errors: list[SimpleNamespace] = []

    def _failing(text: str | None = None) -> SimpleNamespace | None:
        if text is not None:
            errors.append(SimpleNamespace(str=lambda: text))
        return errors[0] if errors else None

    return _failing


@pytest.fixture
def histories_of(monkeypatch, failing):
    """Runs the example in this process with a producer that only remembers; returns the messages."""
    import confluent_kafka

    sent: list[dict] = []

    class Remembers:
        def __init__(self, _) -> None:
            pass

        def produce(self, _, value, key, on_delivery) -> None:
            assert json.loads(value)["pair"] == key
            sent.append(json.loads(value))
            on_delivery(failing(), None)

        def poll(self, _) -> None:
            pass

        def flush(self) -> None:
            pass

        def __len__(self) -> int:
            return 0

    def _histories(*lines: str) -> list[dict]:
        monkeypatch.setattr(confluent_kafka, "Producer", Remembers)
        monkeypatch.setattr(sys, "argv", ["rolling_window.py", "2026-01-01"])
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([HEADER, *lines])))
        runpy.run_path(str(EXAMPLE), run_name="__main__")
        return sent

    return _histories


WEEK = [f"2026-10-{day:02},EUR/USD,1.1{day}" for day in (5, 6, 7, 8)]


def test_a_window_forgets_its_oldest_rate_after_61(histories_of):
    days = [dt.date(2026, 1, 5) + dt.timedelta(n) for n in range(100)]
    sent = histories_of(*(f"{day},EUR/USD,1.1" for day in days))
    assert [len(message["history"]) for message in sent][:4] == [3, 4, 5, 6]
    assert {len(message["history"]) for message in sent[60:]} == {61}
    assert all(len(message["history"]) == len(message["times"]) for message in sent)


def test_a_corrected_rate_takes_the_place_of_the_first_one(histories_of):
    first, second = histories_of(*WEEK[:3], "2026-10-07,EUR/USD,1.2")
    assert (first["history"], second["history"]) == ([1.15, 1.16, 1.17], [1.15, 1.16, 1.2])
    assert first["message_id"] == second["message_id"] == "EUR/USD@2026-10-07"


def test_weekends_and_what_is_no_rate_are_left_out(histories_of):
    lines = [
        "2026-10-10,EUR/USD,1.18",
        "2026-10-12,EUR/USD,0",
        "2026-10-12,EUR/USD,nan",
        "2026-10-12,EUR/USD,1.19",
    ]
    sent = histories_of(*WEEK, *lines)
    assert sent[-1]["history"] == [1.15, 1.16, 1.17, 1.18, 1.19]
    assert sent[-1]["as_of"] == "2026-10-12"
    assert len(sent) == 3


def test_a_window_starts_again_after_a_long_hole(histories_of):
    later = [f"2026-10-{day},EUR/USD,1.2" for day in (20, 21, 22)]
    assert histories_of(*WEEK, *later)[-1]["times"] == ["2026-10-20", "2026-10-21", "2026-10-22"]


def test_lines_out_of_order_end_it_with_the_line(histories_of):
    with pytest.raises(
        SystemExit, match="EUR/USD: 2026-10-05 comes after 2026-10-08: sort the lines by date"
    ):
        histories_of(*WEEK, WEEK[0])


def test_messages_that_were_not_published_are_counted_and_the_reason_named(histories_of, failing):
    failing("Local: Message timed out")
    with pytest.raises(SystemExit, match="2 of 2 messages were not published: Local: Message timed out"):
        histories_of(*WEEK)


def test_the_page_shows_the_program_as_it_is() -> None:
    page = EXAMPLE.parents[1] / "docs" / "how-to" / "feed-live-rates.md"
    assert f"```python\n{EXAMPLE.read_text()}```\n" in page.read_text()
