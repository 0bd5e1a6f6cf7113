from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from ratecast.contract.messages import Prediction
from ratecast.contract.wire import PredictionRow, encode_prediction
from ratecast.errors import OperationError, UsageError
from ratecast_cli import console
from ratecast_cli import tail_command as command
from tests.fakes import FakeRecord
from tests.integration.workers import publish, read, running_worker
from tests.producer import commands
from tests.rows import prediction_row

pytestmark = pytest.mark.one_engine


def body(number: int, pair: str = "EUR/GBP", rates: tuple[float, ...] = (0.85, 0.86, 0.87)) -> bytes:
    return json.dumps({"message_id": str(number), "pair": pair, "history": rates}).encode()


def invoke(*arguments: str):
    return commands.invoke(command, *arguments)


@pytest.fixture
def environment(settings, monkeypatch) -> dict[str, str]:
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


@pytest.fixture
async def _scored(settings) -> None:
    """Three predictions (one drifted, two pairs) and two dead letters."""
    messages = [
        (b"EUR/GBP", body(1), []),
        (b"EUR/GBP", body(2, rates=(10, 20, 30)), []),
        (b"EUR/USD", body(3, "EUR/USD", (1.1, 1.1, 1.1)), []),
        (b"EUR/GBP", b"{", [("trace", b"t")]),
        (b"\xff", b"\xff", []),
    ]
    async with running_worker(settings):
        await publish(settings, messages)
        await read(settings, settings.output_topic, 3, quiet_seconds=0.1)
        await read(settings, settings.dead_letter_topic, 2, quiet_seconds=0.1)


async def run(*arguments: str):
    return await asyncio.to_thread(invoke_without_signals, *arguments)


def invoke_without_signals(*arguments: str):
    """Signal handlers belong to the main thread, which runs the test's own loop."""
    original = command._run
    command._run = lambda writing: writing
    try:
        return invoke(*arguments)
    finally:
        command._run = original


@pytest.mark.usefixtures("_scored", "environment")
async def test_the_table_has_a_header_and_an_aligned_row_a_prediction_with_drift_marked():
    result = await run("--from-beginning", "--no-follow")
    header, *rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split() == ["as", "of", "for", "pair", "last", "forecast", "95", "%", "range", "remarks"]
    assert sorted(row[19:26] for row in rows) == ["EUR/GBP", "EUR/GBP", "EUR/USD"]
    assert sorted("drift: lag_1" in row for row in rows) == [False, False, True]
    assert {row.index(" to ") > header.index("95") for row in rows} == {True}
    assert "\x1b" not in result.stdout, "colours are for terminals"


def drifted() -> PredictionRow:
    row = prediction_row(0.857123, half=0.0123456)
    row.as_of, row.target, row.alerts = "2026-10-30", "2026-11-02", ["jump", "level_cone"]
    row.drift.is_drift, row.drift.features = True, ["lag_1", "lag_2", "lag_3", "return_1", "return_2"]
    return row


WHOLE = (
    "2026-10-30  11-02  EUR/GBP  0.857123  0.857123  0.844777 to 0.869469  "
    "jump, level_cone; drift: lag_1 lag_2 lag_3 return_1 return_2"
)


def test_a_line_is_whole_in_a_pipe_and_names_alerts_apart_from_drifted_features(capsys):
    command.PredictionLines(None, as_json=False).write(FakeRecord(encode_prediction(drifted())))
    assert capsys.readouterr().out == f"{WHOLE}\n"


def test_a_line_says_that_its_range_is_floored(capsys):
    row = prediction_row(0.857123)
    row.interval_quality = "floored"
    command.PredictionLines(None, as_json=False).write(FakeRecord(encode_prediction(row)))
    assert capsys.readouterr().out.rstrip().endswith("  range floored")


def test_a_line_is_cut_to_the_width_of_a_terminal(monkeypatch):
    terminal = Console(file=(shown := io.StringIO()), force_terminal=True, color_system=None, width=80)
    monkeypatch.setattr(console, "out", terminal)
    command.PredictionLines(None, as_json=False).write(FakeRecord(encode_prediction(drifted())))
    assert shown.getvalue() == f"{WHOLE[:79]}…\n"


def test_what_is_no_pair_is_refused_before_any_broker_is_asked():
    result = invoke("--pair", "eurusd", "-b", "127.0.0.1:9")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--pair: 'eurusd' is not a pair: write two currencies like EUR/USD"


@pytest.mark.usefixtures("_scored", "environment")
async def test_a_pair_may_be_typed_in_lower_case_and_a_dead_letters_key_is_taken_as_it_is():
    result = await run("--from-beginning", "--no-follow", "--json", "--pair", "eur/usd")
    assert [json.loads(line)["message_id"] for line in result.stdout.splitlines()] == ["3"]
    result = await run("dead-letters", "--from-beginning", "--no-follow", "--json", "--pair", "no pair")
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.usefixtures("_scored", "environment")
async def test_json_lines_are_the_predictions_themselves_and_a_pair_can_be_picked():
    result = await run("--from-beginning", "--no-follow", "--json", "--pair", "EUR/GBP")
    predictions = [Prediction.model_validate_json(line) for line in result.stdout.splitlines()]
    assert [prediction.message_id for prediction in predictions] == ["1", "2"]


@pytest.mark.usefixtures("_scored", "environment")
async def test_dead_letters_are_shown_with_reason_place_and_raw_bytes(settings):
    result = await run("dead-letters", "--from-beginning", "--no-follow", "--json")
    letters = {letter["code"]: letter for letter in map(json.loads, result.stdout.splitlines())}
    assert set(letters) == {"invalid_json", "invalid_encoding"}
    assert letters["invalid_json"]["value"] == "{"
    assert letters["invalid_json"]["headers"] == [["trace", "t"]]
    assert letters["invalid_json"]["source"]["topic"] == settings.input_topic
    assert letters["invalid_encoding"]["key"] == {"base64": "/w=="}
    table = await run("dead-letters", "--from-beginning", "--no-follow")
    assert "invalid_encoding" in table.stdout
    assert "\\xff" in table.stdout
    picked = await run("dead-letters", "--from-beginning", "--no-follow", "--json", "--pair", "EUR/GBP")
    assert [json.loads(line)["key"] for line in picked.stdout.splitlines()] == ["EUR/GBP"]


@pytest.mark.usefixtures("_scored", "environment")
async def test_a_limit_ends_it_while_following():
    result = await run("--from-beginning", "--limit", "2", "--json")
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.usefixtures("environment")
async def test_a_record_that_is_no_prediction_is_named_and_passed_over(settings):
    async with running_worker(settings):
        foreign = settings.model_copy(update={"input_topic": settings.output_topic})
        await publish(foreign, [(b"k", b"not a prediction", []), (b"k", None, [])])
        await publish(settings, [(b"EUR/GBP", body(1), [])])
        await read(settings, settings.output_topic, 3, quiet_seconds=0.1)
    result = await run("--from-beginning", "--no-follow", "--json")
    assert [json.loads(line)["message_id"] for line in result.stdout.splitlines()] == ["1"]
    assert result.stderr.count("is not a prediction") == 2


@pytest.mark.usefixtures("environment")
async def test_a_missing_topic_is_one_clear_line():
    result = await run("--no-follow")
    assert isinstance(result.exception, OperationError)
    assert "ratecast topics" in str(result.exception)


async def test_a_live_view_shows_what_comes_and_ctrl_c_is_its_normal_end(settings, environment):
    async with running_worker(settings):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ratecast", "tail"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                header = await process.stdout.readline()  # written once it stands at the end
                await publish(settings, [(b"EUR/GBP", body(1), [])])
                row = await process.stdout.readline()
                process.send_signal(signal.SIGINT)
                rest, errors = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    assert b"forecast" in header
    assert b"EUR/GBP" in row
    assert (process.returncode, rest, errors) == (0, b"", b"")


async def test_a_reader_that_has_seen_enough_is_no_error(settings, environment):
    async with running_worker(settings):
        # More than a pipe holds, so that the rest meets a closed one.
        await publish(settings, [(b"EUR/GBP", body(number), []) for number in range(400)])
        await read(settings, settings.output_topic, 400, quiet_seconds=0.1)
    line = f"{sys.executable} -m ratecast tail --from-beginning --no-follow --json | head -c 1"
    process = await asyncio.create_subprocess_shell(
        f"set -o pipefail; {line}",
        executable="/bin/bash",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert (output, errors, process.returncode) == (b"{", b"", 0)
