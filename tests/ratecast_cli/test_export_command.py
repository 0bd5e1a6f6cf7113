"""``ratecast export`` against a real broker: files, continuing, and runs that were killed."""

from __future__ import annotations

import asyncio
import base64
import csv
import datetime as dt
import json
import os
import signal
import sys
from typing import ClassVar

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet
from typer.testing import CliRunner

from ratecast.contract import wire
from ratecast.data import arrow_rows, export_files, export_manifest, topic_export
from ratecast.data.export_manifest import ExportManifest, ExportRequest
from ratecast.data.span_reader import Step
from ratecast.data.topic_export import Wanted
from ratecast.errors import OperationError, UsageError
from ratecast.kafka.topics import ensure_topics
from ratecast_cli.app import app, register
from tests import rows
from tests.fakes import FakeRecord
from tests.sink.sinks import letters, predictions, send

if not app.registered_commands:  # once a process
    register()


@pytest.fixture
def topics(settings):
    asyncio.run(ensure_topics(settings))
    return settings


def run(settings, directory, *options: str):
    return CliRunner().invoke(
        app,
        ["export", str(directory), "-b", settings.bootstrap_servers, *options],
        env={
            "RATECAST_INPUT_TOPIC": settings.input_topic,
            "RATECAST_OUTPUT_TOPIC": settings.output_topic,
            "RATECAST_DEAD_LETTER_TOPIC": settings.dead_letter_topic,
        },
        catch_exceptions=True,
    )


def export(settings, directory, **more):
    wanted = Wanted(directory, more.pop("kind", "predictions"), more.pop("file_format", "parquet"), **more)
    return asyncio.run(topic_export.export(settings, wanted, lambda *_: None))


def offsets(directory) -> list[int]:
    return sorted(dataset.dataset(directory, partitioning="hive").to_table()["input_offset"].to_pylist())


def of_two_pairs(settings, count: int):
    for number in range(count):
        row = rows.prediction_row(1.0, place=(settings.input_topic, 0, number))
        row.pair = ("EUR/GBP", "EUR/USD")[number % 2]
        yield settings.output_topic, number % 2, wire.encode_prediction(row), []


def test_parquet_is_partitioned_by_day_and_pair_for_every_reader(topics, tmp_path):
    asyncio.run(send(topics, of_two_pairs(topics, 10)))
    result = run(topics, tmp_path / "rates")
    assert result.exit_code == 0, result.exception
    assert result.stdout == f"10 predictions written to {tmp_path / 'rates'}\n"
    day = dt.datetime.now(dt.UTC).date().isoformat()
    files = {str(path.relative_to(tmp_path / "rates")) for path in (tmp_path / "rates").rglob("*.parquet")}
    assert {name.replace(day, "DAY") for name in files} == {
        "day=DAY/pair=EUR%2FGBP/part-000000.parquet",
        "day=DAY/pair=EUR%2FUSD/part-000000.parquet",
    }
    frame = pd.read_parquet(tmp_path / "rates")
    polars = pl.scan_parquet(tmp_path / "rates" / "**" / "*.parquet", hive_partitioning=True).collect()
    for pairs, numbers in (
        (frame["pair"].astype(str).tolist(), frame["input_offset"].tolist()),
        (polars["pair"].to_list(), polars["input_offset"].to_list()),
    ):
        assert sorted(zip(numbers, pairs, strict=True)) == [
            (number, ("EUR/GBP", "EUR/USD")[number % 2]) for number in range(10)
        ]


def test_a_second_run_continues_and_writes_nothing_twice(topics, tmp_path):
    asyncio.run(send(topics, predictions(topics, 5)))
    assert run(topics, tmp_path).exit_code == 0
    assert run(topics, tmp_path).stdout.startswith("0 predictions written")
    asyncio.run(send(topics, predictions(topics, 5, first=5, partition=3)))
    result = run(topics, tmp_path)
    assert result.stdout == f"5 predictions written to {tmp_path}, 10 with those of earlier runs\n"
    assert offsets(tmp_path) == list(range(10))


@pytest.mark.parametrize("place", ["write_table", "replace", "manifest"])
def test_a_run_that_died_anywhere_leaves_nothing_double_and_nothing_out(topics, tmp_path, monkeypatch, place):
    asyncio.run(send(topics, of_two_pairs(topics, 8)))
    died = RuntimeError("died")

    def die(*_, **__):
        raise died

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        if place == "write_table":
            write, calls = parquet.write_table, []

            def half(table, file, **options):
                if calls:
                    file.write(b"PAR1 half a file")
                    raise died
                calls.append(write(table, file, **options))

            patched.setattr(parquet, "write_table", half)
        elif place == "replace":
            patched.setattr(export_files, "sync_directory", die)
        else:
            real, count = export_manifest.write_manifest, []

            def second(*arguments):
                count.append(1)
                return real(*arguments) if len(count) == 1 else die()

            patched.setattr(topic_export, "write_manifest", second)
        export(topics, tmp_path)
    if place == "write_table":
        assert list(tmp_path.rglob("*.parquet")) == []  # no name stands for half a file
    asyncio.run(send(topics, predictions(topics, 2, first=8)))
    result = export(topics, tmp_path)
    assert (result.rows, result.leftovers) == (10, 2)
    assert offsets(tmp_path) == list(range(10))
    assert [path.name for path in tmp_path.rglob(".*")] == [".lock"]


class ThreeSteps:
    """Hands out thirty predictions of one partition in three steps."""

    starts: ClassVar = {0: 0}
    total = 30

    def read(self, positions) -> int:
        return positions[0]

    async def steps(self):
        for first in (0, 10, 20):
            numbers = range(first, first + 10)
            yield Step([FakeRecord(rows.prediction(("t", 0, n)), offset=n) for n in numbers], {0: first + 10})


def test_a_chunk_is_written_as_soon_as_it_is_full(tmp_path):
    wanted = Wanted(tmp_path, "predictions", "arrow", chunk_rows=15)
    request = ExportRequest(
        topic="t",
        topic_id=None,
        kind="predictions",
        file_format="arrow",
        pairs=None,
        since=None,
        until=None,
    )
    begun = ExportManifest(request=request, since_ms=None, until_ms=None)
    seen = []

    def progress(done: int, _: int) -> None:
        manifest = export_manifest.read_manifest(tmp_path)
        seen.append((done, manifest and manifest.next_offsets))

    asyncio.run(topic_export._write_all(wanted, begun, ThreeSteps(), arrow_rows.prediction_rows(), progress))
    assert seen == [(10, None), (20, None), (30, {0: 20})]
    sizes = [pa.ipc.open_file(file).read_all().num_rows for file in sorted(tmp_path.glob("*.arrow"))]
    assert sizes == [20, 10]
    assert export_manifest.read_manifest(tmp_path).next_offsets == {0: 30}


def test_dead_letters_in_csv_have_their_bytes_as_base64(topics, tmp_path):
    raw = (topics.dead_letter_topic, 1, b'\xff,"\n', letters(topics, 1)[0][3])
    asyncio.run(send(topics, [*letters(topics, 2), raw, (topics.dead_letter_topic, 0, b"foreign", [])]))
    result = run(topics, tmp_path, "--dead-letters", "--format", "csv")
    assert result.stdout == f"3 dead letters written to {tmp_path}\n"
    with (tmp_path / "part-000000.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert sorted(base64.b64decode(line["value_base64"]) for line in lines) == [b"x", b"x", b'\xff,"\n']
    assert json.loads((tmp_path / "_export.json").read_text())["left_out"] == 1


def test_pairs_and_spans_are_kept(topics, tmp_path):
    asyncio.run(send(topics, of_two_pairs(topics, 6)))
    result = run(topics, tmp_path / "a", "--pair", "eur/usd", "--since", "1h")
    assert result.stdout.startswith("3 predictions written")
    # The span of the first run holds, so that the age does not move with the clock.
    assert run(topics, tmp_path / "a", "--pair", "EUR/USD", "--since", "1h").exit_code == 0
    assert run(topics, tmp_path / "b", "--until", "1h").stdout.startswith("0 predictions written")


def test_what_is_not_the_same_export_is_refused(topics, tmp_path):
    asyncio.run(send(topics, predictions(topics, 2)))
    export(topics, tmp_path / "rates")
    for more, words in (
        ({"kind": "dead-letters"}, "an export with topic"),
        ({"file_format": "csv"}, "an export with file format parquet, not csv"),
        ({"pairs": ("EUR/USD",)}, "an export with pairs none, not EUR/USD"),
        ({"since": "7d", "since_ms": 1}, "an export with since none, not 7d"),
    ):
        with pytest.raises(UsageError, match=words):
            export(topics, tmp_path / "rates", **more)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"other files \(thesis.txt\)"):
        export(topics, tmp_path / "others")
    assert [path.name for path in (tmp_path / "others").iterdir() if path.name != ".lock"] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"version": 2}', "\xff"])
def test_a_damaged_manifest_is_one_clear_line(topics, tmp_path, text):
    (tmp_path / "_export.json").write_text(text, encoding="latin-1")
    with pytest.raises(OperationError, match="is not the manifest of an export of this version") as raised:
        export(topics, tmp_path)
    assert "\n" not in str(raised.value)


def test_a_topic_that_was_created_again_is_refused(topics, tmp_path):
    asyncio.run(send(topics, predictions(topics, 2)))
    export(topics, tmp_path)
    manifest = export_manifest.read_manifest(tmp_path)
    later = manifest.model_copy(update={"next_offsets": {0: 50}})
    export_manifest.write_manifest(tmp_path, later)
    with pytest.raises(OperationError, match="the topic was created again; export to another directory"):
        export(topics, tmp_path)


def test_two_runs_do_not_write_to_one_directory(topics, tmp_path):
    with topic_export._locked(tmp_path), pytest.raises(UsageError, match="another export is writing"):
        export(topics, tmp_path)


async def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ratecast_cli", "export", str(tmp_path / "rates"), "-b", "127.0.0.1:1"),
        env=dict(os.environ),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"no broker" not in (line := await process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    directory = tmp_path / "rates"
    assert err.decode() == f"interrupted: what {directory} has is whole; the same command continues there\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--since", "soon"), "--since must be a time like"),
        (("--since", "1d", "--until", "2d"), "the span is empty"),
        (("--pair", "EURUSD"), "write two currencies like EUR/USD"),
    ],
)
def test_wrong_options(tmp_path, options, words):
    result = CliRunner().invoke(app, ["export", str(tmp_path / "x"), *options])
    assert words in str(result.exception)
    assert not (tmp_path / "x").exists()
