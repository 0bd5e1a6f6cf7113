from __future__ import annotations

import datetime as dt

import pytest

from producer.feed.formats import sdmx_csv
from tests.producer.feed import rate_documents as documents
from tests.producer.feed.formats.answers import rates, reasons

TODAY = dt.date(2026, 4, 13)
DAYS = {dt.date(2026, 4, 10): {"USD": "1.1534", "JPY": "171.2"}, TODAY: {"USD": "1.16"}}
READ = {"2026-04-10": {"EUR/USD": 1.1534, "EUR/JPY": 171.2}, "2026-04-13": {"EUR/USD": 1.16}}
HEADER = b"KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
ROW = "EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2026-04-10,1.1534\r\n"


def test_rates_are_read_by_the_names_of_the_columns() -> None:
    assert rates(sdmx_csv.parse(documents.sdmx_csv(DAYS), TODAY)) == READ
    moved = b"OBS_VALUE,TITLE,TIME_PERIOD,CURRENCY_DENOM,CURRENCY,KEY\n"
    row = b'1.1534,"US dollar, spot",2026-04-10,EUR,USD,EXR.D.USD.EUR.SP00.A\n'
    assert rates(sdmx_csv.parse(moved + row, TODAY)) == {"2026-04-10": {"EUR/USD": 1.1534}}


@pytest.mark.parametrize("body", [b"", HEADER, HEADER + ROW.replace("1.1534", "").encode()])
def test_an_answer_without_a_value_is_no_fault(body) -> None:
    answer = sdmx_csv.parse(body, TODAY)
    assert (answer.table, answer.refusals) == (None, ())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("USD,EUR,SP00", "EUR,USD,SP00", "wrong_base"),
        ("USD,EUR,SP00", "USD,GBP,SP00", "wrong_base"),
        ("EXR.D.USD.EUR", "EXR.D.EUR.USD", "malformed"),
        ("EXR.D.", "EXR.M.", "malformed"),
        ("SP00.A,", "EN00.A,", "malformed"),
        ("EXR.D.USD", "EXR.D.GBP", "malformed"),
        ("1.1534", "1_1534", "invalid_rate"),
        ("1.1534", "Infinity", "invalid_rate"),
        ("2026-04-10", "2026-04", "invalid_day"),
        ("2026-04-10", "2026-04-14", "future_day"),
        ("2026-04-10", "2026-04-11", "closed_day"),
        ("1.1534", "1.1535", "twice"),
        (",1.1534", "", "malformed"),
        ("\r\n", "", "truncated"),
    ],
)
def test_a_faulty_row_is_named_and_takes_no_other_with_it(old, new, reason) -> None:
    assert old in ROW
    answer = sdmx_csv.parse(documents.sdmx_csv(DAYS).replace(b",OBS_STATUS", b"").replace(b",A\r\n", b"\r\n")
                            + ROW.replace(old, new).encode(), TODAY)  # fmt: skip
    assert (reasons(answer), rates(answer)) == ([reason], READ)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\r\n", "empty"),
        (b"<html>busy</html>", "error_page"),
        (b"KEY,FREQ\n1,2\n", "malformed"),
        (HEADER[:-2] + b",KEY\r\n", "malformed"),
        (b"No results found.\n", "malformed"),
    ],
)
def test_what_is_no_list_of_rates_is_named(body, reason) -> None:
    answer = sdmx_csv.parse(body, TODAY)
    assert (answer.table, reasons(answer)) == (None, [reason])
