from __future__ import annotations

import datetime as dt
import tracemalloc

import pytest

from producer.feed.formats import ecb_xml
from tests.producer.feed import rate_documents as documents
from tests.producer.feed.formats.answers import rates, reasons

TODAY = dt.date(2026, 8, 13)
DAYS = {
    dt.date(2026, 8, 12): {"USD": "1.1534", "JPY": "171.20"},
    TODAY: {"USD": "1.16", "JPY": "171.3"},
}
READ = {
    "2026-08-12": {"EUR/USD": 1.1534, "EUR/JPY": 171.2},
    "2026-08-13": {"EUR/USD": 1.16, "EUR/JPY": 171.3},
}


def one(cubes: str, head: str = "") -> bytes:
    return f"{head}<Envelope><Cube>{cubes}</Cube></Envelope>".encode()


def day(rate: str = "1.16", time: str = "2026-08-13", currency: str = "USD") -> str:
    return f"<Cube time='{time}'><Cube currency='{currency}' rate='{rate}'/></Cube>"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_rates_are_read_whatever_the_quotation_marks(quote) -> None:
    answer = ecb_xml.parse(documents.ecb_xml(DAYS, quote), TODAY)
    assert rates(answer) == READ
    assert answer.refusals == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_an_encoding_is_known_or_refused_but_never_misread(encoding) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = one(day(), f"<?xml version='1.0' encoding='{declared}'?>").decode()
    answer = ecb_xml.parse(text.encode(encoding), TODAY)
    assert rates(answer) == {"2026-08-13": {"EUR/USD": 1.16}} or reasons(answer) == ["malformed"]


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE Envelope [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>",
        "<!DOCTYPE Envelope SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE Envelope>",
    ],
)
def test_a_document_type_is_refused_before_any_entity_is_expanded(head) -> None:
    answer = ecb_xml.parse(one(day(), head), TODAY)
    assert (rates(answer), reasons(answer)) == ({}, ["malformed"])


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_document_that_ends_too_early_is_refused_as_a_whole(kept) -> None:
    body = documents.ecb_xml(DAYS)
    answer = ecb_xml.parse(body[: int(len(body) * kept)], TODAY)
    assert (rates(answer), reasons(answer)) == ({}, ["truncated"])


@pytest.mark.parametrize(
    ("cubes", "reason"),
    [
        (day(rate="0"), "invalid_rate"),
        (day(rate="-1.1"), "invalid_rate"),
        (day(rate="NaN"), "invalid_rate"),
        (day(rate="N/A"), "invalid_rate"),
        (day(rate=""), "invalid_rate"),
        (day(time="13.08.2026"), "invalid_day"),
        (day(time="1998-12-31"), "invalid_day"),
        (day(time="2026-08-14"), "future_day"),
        (day(time="2126-08-13"), "future_day"),
        (day(time="2026-08-08"), "closed_day"),
        (day(time="2026-04-03"), "closed_day"),
        (day(currency="EUR"), "wrong_base"),
        (day(currency="usd"), "malformed"),
        (day(currency="USDX"), "malformed"),
        ("<Cube time='2026-08-13'><Cube currency='USD'/></Cube>", "malformed"),
        ("<Cube currency='USD' rate='1.1'/>" + day(currency="GBP", rate="0.0"), "malformed"),
        (day() + day(rate="1.17"), "twice"),
    ],
)
def test_a_faulty_rate_or_day_is_named_and_takes_no_other_with_it(cubes, reason) -> None:
    answer = ecb_xml.parse(one(day(time="2026-08-12", rate="1.1534") + cubes), TODAY)
    assert reason in reasons(answer)
    assert rates(answer)["2026-08-12"] == {"EUR/USD": 1.1534}
    assert all(detail.isprintable() for _, detail in answer.refusals)


def test_a_rate_that_occurs_twice_is_no_fault_if_it_is_equal() -> None:
    answer = ecb_xml.parse(one(day() + day(rate="1.160")), TODAY)
    assert (rates(answer), answer.refusals) == ({"2026-08-13": {"EUR/USD": 1.16}}, ())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!DOCTYPE html><html><title>Maintenance</title></html>", "error_page"),
        (b"<?xml version='1.0'?><html xmlns='x'><h1>Error 500</h1></html>", "error_page"),
        (b'{"message": "not found"}', "error_page"),
        (b"<rss><item/></rss>", "malformed"),
        (b"<Cube time='2026-08-13'/>", "empty"),
        (b"2026-08-13,1.16", "malformed"),
        (b"<a>\x00</a>", "malformed"),
    ],
)
def test_what_is_no_list_of_rates_is_named(body, reason) -> None:
    answer = ecb_xml.parse(body, TODAY)
    assert (answer.table, reasons(answer)) == (None, [reason])


def test_a_currency_that_ends_just_stops() -> None:
    answer = ecb_xml.parse(documents.ecb_xml({**DAYS, TODAY: {"JPY": "171.3"}}), TODAY)
    assert rates(answer)["2026-08-13"] == {"EUR/JPY": 171.3}
    assert answer.refusals == ()


def test_elements_cost_no_tree() -> None:
    body = b"<Envelope>" + b"<a/>" * 50_000 + b"</Envelope>"
    tracemalloc.start()
    try:
        assert reasons(ecb_xml.parse(body, TODAY)) == ["malformed"]
        assert tracemalloc.get_traced_memory()[1] < 2 * len(body)
    finally:
        tracemalloc.stop()
