from __future__ import annotations

import datetime as dt
import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from producer.feed.formats import ecb_csv
from ratecast.rates.tables import load_ecb
from tests.producer.feed import rate_documents as documents
from tests.producer.feed.formats.answers import rates, reasons

TODAY = dt.date(2026, 4, 13)
DAYS = {dt.date(2026, 4, 10): {"USD": "1.1534", "JPY": "171.2"}, TODAY: {"USD": "1.16"}}
READ = {"2026-04-10": {"EUR/USD": 1.1534, "EUR/JPY": 171.2}, "2026-04-13": {"EUR/USD": 1.16}}
HISTORY = documents.ecb_history_csv(DAYS)


def test_the_history_is_read_from_its_zip_and_alone() -> None:
    for body in (HISTORY, documents.zipped("eurofxref-hist.csv", HISTORY)):
        answer = ecb_csv.parse(body, TODAY)
        assert rates(answer) == READ
        assert answer.refusals == ()


def test_the_daily_file_has_blanks_and_a_written_out_date() -> None:
    body = documents.ecb_daily_csv({TODAY: {"USD": "1.16", "HUF": "366.90"}})
    assert body.splitlines() == [b"Date, USD, HUF, ", b"13 April 2026, 1.16, 366.90, "]
    assert rates(ecb_csv.parse(documents.zipped("eurofxref.csv", body), TODAY)) == {
        "2026-04-13": {"EUR/USD": 1.16, "EUR/HUF": 366.9}
    }


def test_the_whole_history_is_what_training_reads() -> None:
    expected = load_ecb()
    newest = expected.dates[-1].astype(object)
    answer = ecb_csv.parse(documents.published_zip(), newest)
    assert answer.refusals == ()
    assert answer.table is not None
    assert np.array_equal(answer.table.dates, expected.dates)
    assert answer.table.columns.keys() == expected.columns.keys()
    for pair, column in expected.columns.items():
        assert np.array_equal(answer.table.columns[pair], column, equal_nan=True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2026-04-09,x,171.1,", "invalid_rate"),
        ("2026-04-09,-1.1,171.1,", "invalid_rate"),
        ("2026-04-09,1.1,171.1", "malformed"),
        ("2026-04-09,1.1,171,1,", "malformed"),
        ('2026-04-09,"1.1,171.1,', "malformed"),
        ("2026-02-30,1.1,171.1,", "invalid_day"),
        ("13/04/2026,1.1,171.1,", "invalid_day"),
        ("2026-04-14,1.1,171.1,", "future_day"),
        ("2062-04-13,1.1,171.1,", "future_day"),
        ("2026-04-11,1.1,171.1,", "closed_day"),
        ("2026-04-06,1.1,171.1,", "closed_day"),
        ("2026-04-10,1.2,171.2,", "twice"),
    ],
)
def test_a_faulty_line_is_named_and_takes_no_other_with_it(line, reason) -> None:
    answer = ecb_csv.parse(HISTORY + line.encode() + b"\n", TODAY)
    assert reasons(answer) == [reason]
    assert rates(answer).items() >= READ.items()
    assert "line 4" in answer.refusals[0].detail


def test_bytes_that_are_no_utf8_cost_their_line_only() -> None:
    answer = ecb_csv.parse(HISTORY + b"2026-04-09,\xff,171.1,\n2026-04-08,1.15,171,\n", TODAY)
    assert reasons(answer) == ["malformed"]
    assert rates(answer)["2026-04-08"] == {"EUR/USD": 1.15, "EUR/JPY": 171.0}


def test_a_last_line_that_is_cut_off_is_left_out() -> None:
    answer = ecb_csv.parse(HISTORY + b"2026-04-09,1.1,17", TODAY)
    assert (reasons(answer), rates(answer)) == (["truncated"], READ)


def test_a_faulty_column_is_named_and_takes_no_other_with_it() -> None:
    answer = ecb_csv.parse(b"Date,USD,EUR,usd,JPY,\n2026-04-13,1.16,1,1.2,171,\n", TODAY)
    assert sorted(reasons(answer)) == ["malformed", "wrong_base"]
    assert rates(answer) == {"2026-04-13": {"EUR/USD": 1.16, "EUR/JPY": 171.0}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Date,USD,\n", "empty"),
        (b"DATE;USD\n", "malformed"),
        (b"<html>busy</html>", "error_page"),
        (b'{"error": "busy"}', "error_page"),
        (HISTORY.decode().encode("utf-16"), "malformed"),
        (documents.zipped("eurofxref-hist.csv", HISTORY)[:60], "truncated"),
        (b"PK\x03\x04", "truncated"),
        (b"PK\x05\x06" + b"\x00" * 18, "malformed"),
        (documents.zipped("readme.txt", HISTORY), "malformed"),
        (documents.zipped("eurofxref-hist.csv", b""), "empty"),
        (documents.zipped("eurofxref-hist.csv", b"<html>busy</html>"), "error_page"),
    ],
)
def test_what_is_no_list_of_rates_is_named(body, reason) -> None:
    answer = ecb_csv.parse(body, TODAY)
    assert (answer.table, reasons(answer)) == (None, [reason])


def test_a_zip_with_a_damaged_checksum_is_refused() -> None:
    body = documents.zipped("eurofxref-hist.csv", HISTORY)
    crc = body.index(b"PK\x01\x02") + 16
    damaged = body[:crc] + bytes([body[crc] ^ 1]) + body[crc + 1 :]
    assert reasons(ecb_csv.parse(damaged, TODAY)) == ["truncated"]


def test_a_zip_with_two_lists_or_an_encrypted_one_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.csv", HISTORY)
        archive.writestr("b.csv", HISTORY)
    assert reasons(ecb_csv.parse(target.getvalue(), TODAY)) == ["malformed"]
    body = bytearray(documents.zipped("a.csv", HISTORY))
    body[body.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption
    body[6] |= 1
    assert reasons(ecb_csv.parse(bytes(body), TODAY)) == ["malformed"]


def test_a_zip_bomb_is_not_unpacked(monkeypatch) -> None:
    monkeypatch.setattr(ecb_csv, "MAX_BYTES", 1_000_000)
    bomb = documents.zipped("eurofxref-hist.csv", b"0" * 20_000_000)
    assert len(bomb) < 25_000
    tracemalloc.start()
    try:
        answer = ecb_csv.parse(bomb, TODAY)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert (answer.table, reasons(answer)) == (None, ["too_large"])


def test_many_faults_are_counted_and_only_the_first_are_named() -> None:
    lines = "".join(f"2026-04-09,x{i},171.1,\n" for i in range(1000))
    answer = ecb_csv.parse(b"Date,USD,JPY,\n" + lines.encode(), TODAY)
    assert len(answer.refusals) == 201
    assert answer.refusals[-1].detail == "800 more faults like these"


def test_a_line_of_endless_cells_is_refused_unread() -> None:
    answer = ecb_csv.parse(HISTORY + b"2026-04-09" + b"," * 1_000_000 + b"\n", TODAY)
    assert (reasons(answer), rates(answer)) == (["malformed"], READ)
