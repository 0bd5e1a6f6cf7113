from __future__ import annotations

import datetime as dt
import json

import pytest

from producer.feed.formats import frankfurter
from tests.producer.feed import rate_documents as documents
from tests.producer.feed.formats.answers import rates, reasons

TODAY = dt.date(2026, 4, 13)
DAYS = {dt.date(2026, 4, 10): {"USD": "1.1534", "JPY": "171.20"}, TODAY: {"USD": "1.1600000000000001"}}
READ = {"2026-04-10": {"EUR/USD": 1.1534, "EUR/JPY": 171.2}, "2026-04-13": {"EUR/USD": 1.16}}
LATEST = {"2026-04-13": {"EUR/USD": 1.16}}
CLEAN = {"date": "2026-04-10", "base": "EUR", "quote": "USD", "rate": 1.1534}


def row(**changes: object) -> bytes:
    return json.dumps({**CLEAN, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (documents.frankfurter_latest(DAYS), LATEST),
        (documents.frankfurter_span(DAYS), READ),
        (documents.frankfurter_rows(DAYS, "json"), READ),
        (documents.frankfurter_rows(DAYS, "ndjson"), READ),
        (documents.frankfurter_rows(DAYS, "csv"), READ),
        (row(), {"2026-04-10": {"EUR/USD": 1.1534}}),
        (b"\xef\xbb\xbf [" + row() + b"]\n", {"2026-04-10": {"EUR/USD": 1.1534}}),
        (json.dumps(json.loads(documents.frankfurter_span(DAYS)), indent=0).encode(), READ),
    ],
)
def test_rates_are_read_from_every_form(body, expected) -> None:
    answer = frankfurter.parse(body, TODAY)
    assert (rates(answer), answer.refusals) == (expected, ())


@pytest.mark.parametrize(
    ("faulty", "reason"),
    [
        (row(base="USD", quote="EUR"), "wrong_base"),
        (row(quote="EUR"), "wrong_base"),
        (row(quote="usd"), "malformed"),
        (row(quote=None), "malformed"),
        (row(rate=-1.1), "invalid_rate"),
        (row(rate=0), "invalid_rate"),
        (row(rate=True), "invalid_rate"),
        (row(rate=[1.1]), "invalid_rate"),
        (row(rate=float("nan")), "invalid_rate"),
        (row(rate=float("inf")), "invalid_rate"),
        (row(rate="1_1"), "invalid_rate"),
        (row(rate=1.2), "twice"),
        (row(date=None), "invalid_day"),
        (row(date=20260410), "invalid_day"),
        (row(date="2026-04-14"), "future_day"),
        (row(date="2026-04-12"), "closed_day"),
        (b'{"date":"2026-04-10","base":"EUR","quote":"USD"}', "malformed"),
        (b'{"date":"2026-04-10","base":"EUR","quote":"USD","rate":1.1,"rate":1.2}', "malformed"),
        (b"[1]", "malformed"),
    ],
)
def test_a_faulty_row_is_named_and_takes_no_other_with_it(faulty, reason) -> None:
    clean = documents.frankfurter_rows(DAYS, "ndjson")
    for body in (clean + faulty + b"\n", b"[" + clean.strip().replace(b"\n", b",") + b"," + faulty + b"]"):
        answer = frankfurter.parse(body, TODAY)
        assert (reasons(answer), rates(answer)) == ([reason], READ)


def test_a_row_without_a_rate_is_no_fault() -> None:
    answer = frankfurter.parse(documents.frankfurter_rows(DAYS, "ndjson") + row(rate=None) + b"\n", TODAY)
    assert (answer.refusals, rates(answer)) == ((), READ)


def test_a_json_line_that_is_cut_off_is_left_out() -> None:
    body = documents.frankfurter_rows(DAYS, "ndjson")
    answer = frankfurter.parse(body[:-8], TODAY)
    assert reasons(answer) == ["truncated"]
    assert rates(answer) == {"2026-04-10": READ["2026-04-10"]}
    broken = frankfurter.parse(b"{broken\n" + body, TODAY)
    assert (reasons(broken), rates(broken)) == (["malformed"], READ)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"[]", "empty"),
        (b'{"base":"EUR","date":"2026-04-13","rates":{}}', "empty"),
        (b"<html>busy</html>", "error_page"),
        (b'{"message":"not found"}', "error_page"),
        (b'{"status":422,"message":"invalid"}', "error_page"),
        (documents.frankfurter_latest(DAYS, base="USD"), "wrong_base"),
        (documents.frankfurter_latest(DAYS).replace(b'"amount":1.0', b'"amount":100'), "malformed"),
        (documents.frankfurter_latest(DAYS).replace(b'"amount":1.0', b'"base":"USD"'), "malformed"),
        (documents.frankfurter_span(DAYS)[:-20], "truncated"),
        (documents.frankfurter_rows(DAYS)[:-20], "truncated"),
        (b"[" * 100_000, "truncated"),
        (b"[" * 100_000 + b"]", "malformed"),
        (b"[\xff]", "malformed"),
        (b"date;base\n", "malformed"),
        (b"date,base,quote,rate\n", "empty"),
    ],
)
def test_what_is_no_list_of_rates_is_named(body, reason) -> None:
    answer = frankfurter.parse(body, TODAY)
    assert (answer.table, reasons(answer)) == (None, [reason])
    assert answer.refusals[0].detail.isprintable()


def test_a_day_of_a_span_that_is_no_object_takes_no_other_with_it() -> None:
    body = documents.frankfurter_span(DAYS).replace(b'"rates":{', b'"rates":{"2026-04-09":5,')
    answer = frankfurter.parse(body, TODAY)
    assert (reasons(answer), rates(answer)) == (["malformed"], READ)
