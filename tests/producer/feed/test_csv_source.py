"""A file or a folder of CSVs that another program writes to while it is read."""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from typing import TYPE_CHECKING

import pytest

from producer.feed import csv_source
from producer.feed.csv_source import CsvSource
from producer.feed.source import Source, SourceUnavailableError
from producer.feed.sources import source_of
from ratecast.errors import UsageError
from tests.producer.feed.formats.answers import rates, reasons

if TYPE_CHECKING:
    from pathlib import Path

    from producer.feed.source import Answer

TODAY = dt.date(2026, 4, 13)
HEADER = "date,USD\n"
FIRST, SECOND = "2026-04-10,1.1534\n", "2026-04-13,1.16\n"


def write(path: Path, text: str, age_seconds: float = 60.0) -> None:
    """Write a file as if it was written a while ago."""
    path.write_text(text)
    then = time.time() - age_seconds
    os.utime(path, (then, then))


async def poll(source: Source, today: dt.date = TODAY) -> Answer:
    return await source.poll(None, today)


async def test_a_line_that_is_added_is_brought(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    write(path, HEADER + FIRST)
    source = source_of("csv", str(path))
    assert (source.name, source.address) == ("csv", str(path))
    assert list(rates(await poll(source))) == ["2026-04-10"]
    assert (await poll(source)).table is None
    write(path, HEADER + FIRST + SECOND)
    assert rates(await poll(source))["2026-04-13"] == {"EUR/USD": 1.16}
    await source.close()


async def test_a_line_in_the_middle_of_being_written_is_waited_for(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    source = CsvSource(path)
    write(path, HEADER + FIRST + "2026-04-13,1.1", age_seconds=0)
    first = await poll(source)
    assert (list(rates(first)), first.refusals) == (["2026-04-10"], ())
    write(path, HEADER + FIRST + SECOND, age_seconds=0)
    assert rates(await poll(source))["2026-04-13"] == {"EUR/USD": 1.16}


async def test_a_last_line_without_a_line_break_counts_once_nobody_writes_any_more(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    source = CsvSource(path)
    write(path, HEADER + FIRST + SECOND.strip(), age_seconds=0)
    assert list(rates(await poll(source))) == ["2026-04-10"]
    write(path, HEADER + FIRST + SECOND.strip(), age_seconds=60)
    assert list(rates(await poll(source))) == ["2026-04-10", "2026-04-13"]


async def test_a_line_begun_between_the_look_at_a_file_and_its_reading_is_waited_for(
    tmp_path, monkeypatch
) -> None:
    path = tmp_path / "rates.csv"
    write(path, HEADER + FIRST)
    read = csv_source._content

    def begun_meanwhile(file: Path) -> tuple[bytes, os.stat_result]:
        write(path, HEADER + FIRST + "2026-04-13,1.1", age_seconds=0)
        return read(file)

    monkeypatch.setattr(csv_source, "_content", begun_meanwhile)
    assert list(rates(await poll(CsvSource(path)))) == ["2026-04-10"]


async def test_a_file_may_begin_empty_or_with_half_a_header(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    source = CsvSource(path)
    for text in ("", "date,U", HEADER):
        write(path, text, age_seconds=0)
        answer = await poll(source)
        assert (answer.table, answer.refusals) == (None, ())
    write(path, HEADER + FIRST)
    assert list(rates(await poll(source))) == ["2026-04-10"]


async def test_a_file_that_is_replaced_is_read_again(tmp_path) -> None:
    path, other = tmp_path / "rates.csv", tmp_path / "new"
    write(path, HEADER + FIRST)
    source = CsvSource(path)
    await poll(source)
    write(other, HEADER + "2026-04-10,1.1535\n")
    other.replace(path)
    assert rates(await poll(source)) == {"2026-04-10": {"EUR/USD": 1.1535}}


async def test_a_file_that_vanishes_for_a_moment_is_an_outage(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    write(path, HEADER + FIRST)
    source = CsvSource(path)
    await poll(source)
    path.unlink()
    with pytest.raises(SourceUnavailableError, match=r"rates\.csv: No such file") as raised:
        await poll(source)
    assert raised.value.outcome == "no_file"
    write(path, HEADER + FIRST + SECOND)
    assert "2026-04-13" in rates(await poll(source))


@pytest.mark.parametrize(
    "text", ["time,USD\n2026-04-10,1.1\n", "<html>x</html>", "date,dollar\n2026-04-10,1\n"]
)
async def test_a_file_that_is_no_csv_of_rates_is_wrong_use_at_first_and_refused_later(tmp_path, text) -> None:
    path = tmp_path / "rates.csv"
    write(path, text)
    source = CsvSource(path)
    with pytest.raises(UsageError, match=r"rates\.csv"):
        await poll(source)
    write(path, HEADER + FIRST)
    await poll(source)
    write(path, text)
    answer = await poll(source)
    assert answer.table is None
    assert reasons(answer)[-1] in {"malformed", "error_page"}


async def test_a_folder_is_read_as_a_whole_and_other_files_are_left_alone_with_one_line(
    tmp_path, caplog
) -> None:
    write(tmp_path / "a.csv", HEADER + FIRST)
    write(tmp_path / "B.CSV", "date,pair,rate\n2026-04-10,GBP/USD,1.31\n")
    write(tmp_path / "notes.txt", "not rates")
    write(tmp_path / "a.csv.tmp", HEADER + SECOND)
    (tmp_path / "old.csv").mkdir()
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    source = CsvSource(tmp_path)
    with caplog.at_level(logging.INFO):
        assert rates(await poll(source)) == {"2026-04-10": {"EUR/USD": 1.1534, "GBP/USD": 1.31}}
        write(tmp_path / "c.csv", HEADER + SECOND)
        assert "2026-04-13" in rates(await poll(source))
    assert len([line for line in caplog.messages if "left alone" in line]) == 3


async def test_a_faulty_file_of_a_folder_takes_no_other_with_it(tmp_path) -> None:
    write(tmp_path / "a.csv", "<html>busy</html>")
    write(tmp_path / "b.csv", HEADER + FIRST)
    write(tmp_path / "c.csv", "PK\x03\x04\n")
    answer = await poll(CsvSource(tmp_path))
    assert rates(answer) == {"2026-04-10": {"EUR/USD": 1.1534}}
    assert reasons(answer) == ["error_page", "malformed"]
    assert [detail.partition(":")[0] for _, detail in answer.refusals] == ["a.csv", "c.csv"]


async def test_two_files_that_disagree_are_named_and_two_that_agree_are_fine(tmp_path) -> None:
    write(tmp_path / "a.csv", HEADER + FIRST)
    write(tmp_path / "b.csv", HEADER + FIRST)
    write(tmp_path / "c.csv", HEADER + "2026-04-10,1.2\n")
    answer = await poll(CsvSource(tmp_path))
    assert rates(answer) == {"2026-04-10": {"EUR/USD": 1.1534}}
    assert [(str(reason), detail) for reason, detail in answer.refusals] == [
        ("twice", "c.csv: line 2: EUR/USD of 2026-04-10 is 1.1534 above and 1.2 here")
    ]


async def test_an_empty_folder_is_no_fault_and_one_that_is_not_there_is_an_outage(tmp_path) -> None:
    assert (await poll(CsvSource(tmp_path))).refusals == ()
    with pytest.raises(SourceUnavailableError, match="No such file"):
        await poll(CsvSource(tmp_path / "nowhere"))


async def test_a_row_keeps_its_refusal_when_the_file_grows(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    write(path, HEADER + FIRST + "2026-04-09,x\n")
    source = CsvSource(path)
    first = (await poll(source)).refusals
    assert [detail for _, detail in first] == [
        "rates.csv: line 3: EUR/USD of 2026-04-09: 'x' is no positive number"
    ]
    write(path, HEADER + FIRST + "2026-04-09,x\n" + SECOND)
    assert (await poll(source)).refusals == first


async def test_a_rate_of_the_future_is_taken_when_its_day_has_come(tmp_path) -> None:
    path = tmp_path / "rates.csv"
    write(path, HEADER + FIRST + "2026-04-15,1.17\n")
    source = CsvSource(path)
    assert reasons(await poll(source)) == ["future_day"]
    assert "2026-04-15" in rates(await poll(source, dt.date(2026, 4, 14)))


async def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceUnavailableError, match="it is no file"):
        await poll(CsvSource(tmp_path / "pipe.csv"))
    assert (await poll(CsvSource(tmp_path))).table is None


async def test_a_file_beyond_the_limit_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(csv_source, "MAX_FILE_BYTES", 20)
    write(tmp_path / "a.csv", HEADER + FIRST)
    write(tmp_path / "b.csv", HEADER)
    assert reasons(await poll(CsvSource(tmp_path))) == ["too_large"]


async def test_a_folder_with_too_many_files_reads_the_first_ones(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(csv_source, "MAX_FILES", 1)
    write(tmp_path / "a.csv", HEADER + FIRST)
    write(tmp_path / "b.csv", HEADER + SECOND)
    with caplog.at_level(logging.INFO):
        assert list(rates(await poll(CsvSource(tmp_path)))) == ["2026-04-10"]
    assert "b.csv" in caplog.text
