from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from producer.feed.formats import published_csv
from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.day_rules import DayRules
from ratecast.rates import rate_csv
from tests.producer.feed.formats.answers import rates, reasons

if TYPE_CHECKING:
    from producer.feed.source import Answer, Refusal

TODAY = dt.date(2026, 4, 13)
WIDE = b"date,USD,GBP/USD\n2026-04-10,1.1534,1.31\n2026-04-13,1.16,N/A\n"
LONG = b"date,pair,rate\n2026-04-10,EUR/USD,1.1534\n2026-04-10,GBP/USD,1.31\n2026-04-13,EUR/USD,1.16\n"
READ = {"2026-04-10": {"EUR/USD": 1.1534, "GBP/USD": 1.31}, "2026-04-13": {"EUR/USD": 1.16}}


def read(body: bytes) -> tuple[Refusal | None, Answer]:
    collected = CollectedRates("csv", DayRules(TODAY))
    return published_csv.read(body, collected), collected.answer(may_be_empty=True)


@pytest.mark.parametrize("body", [WIDE, LONG, b"\xef\xbb\xbf" + WIDE, WIDE.replace(b"\n", b"\r\n")])
def test_wide_and_long_files_are_read(body) -> None:
    fault, answer = read(body)
    assert (fault, rates(answer), answer.refusals) == (None, READ, ())


@pytest.mark.parametrize(
    "body", [WIDE, LONG, b"observation_date,GBP\n2026-04-10,0.87\n", b",date,USD,\n1,2026-04-10,1.1,\n"]
)
def test_a_file_is_read_as_training_reads_it(body) -> None:
    days, columns = rate_csv.parse(body.decode(), "file")
    table = read(body)[1].table
    assert table is not None
    assert table.dates.tolist() == days.tolist()
    assert {pair: str(column) for pair, column in table.columns.items()} == {
        pair: str(column) for pair, column in columns.items()
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2026-04-09,1_1,1.3", "invalid_rate"),
        ("2026-04-09,\u0661,1.3", "invalid_rate"),
        ('2026-04-09,"1,1",1.3', "invalid_rate"),
        ("2026-04-09,1.1", "malformed"),
        ("2026-04-09,1.1,1.3,5", "malformed"),
        ('2026-04-09,"1.1,1.3', "malformed"),
        ("09.04.2026,1.1,1.3", "invalid_day"),
        ("2026-04-15,1.1,1.3", "future_day"),
        ("2026-04-10,1.2,1.31", "twice"),
    ],
)
def test_a_faulty_row_takes_no_other_with_it(line, reason) -> None:
    fault, answer = read(WIDE + line.encode() + b"\n2026-04-08,1.15,1.3\n")
    assert fault is None
    assert reasons(answer) == [reason]
    assert rates(answer).items() >= {**READ, "2026-04-08": {"EUR/USD": 1.15, "GBP/USD": 1.3}}.items()


def test_tomorrow_and_weekends_may_have_rates() -> None:
    fault, answer = read(WIDE + b"2026-04-11,1.15,1.3\n2026-04-14,1.15,1.3\n")
    assert (fault, answer.refusals) == (None, ())
    assert {"2026-04-11", "2026-04-14"} < rates(answer).keys()


@pytest.mark.parametrize("column", ["dollar", "EUR", "EUR/EUR", "usd"])
def test_a_faulty_column_takes_no_other_with_it(column) -> None:
    fault, answer = read(WIDE.replace(b"GBP/USD", column.encode()))
    assert (fault, reasons(answer)) == (None, ["malformed"])
    assert rates(answer) == {"2026-04-10": {"EUR/USD": 1.1534}, "2026-04-13": {"EUR/USD": 1.16}}


def test_a_faulty_pair_of_a_long_file_takes_no_other_with_it() -> None:
    fault, answer = read(LONG + b"2026-04-13,EURUSD,1.16\n")
    assert (fault, reasons(answer), rates(answer)) == (None, ["malformed"], READ)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"time,USD\n2026-04-10,1.1\n", "malformed"),
        (b"date;USD\n2026-04-10;1.1\n", "malformed"),
        (b"date,pair\n2026-04-10,EUR/USD\n", "malformed"),
        (b"date\n2026-04-10\n", "malformed"),
        (b"date,dollar\n2026-04-10,1.1\n", "malformed"),
        (b"<html>busy</html>", "error_page"),
        (WIDE.decode().encode("utf-16"), "malformed"),
        (b"PK\x03\x04\x00\x00", "malformed"),
        (b"", "empty"),
    ],
)
def test_a_file_that_is_no_csv_of_rates_is_refused_as_a_whole(body, reason) -> None:
    fault, answer = read(body)
    assert fault is not None
    assert (fault.reason, answer.table) == (reason, None)
    assert fault.detail.isprintable()
