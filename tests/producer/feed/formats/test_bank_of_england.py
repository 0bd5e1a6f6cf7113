from __future__ import annotations

import datetime as dt

import pytest

from producer.feed.formats import bank_of_england
from tests.producer.feed.formats.answers import rates, reasons

TODAY = dt.date(2026, 3, 18)
BODY = b"DATE,XUDLUSS,XUDLJYS\r\n17 Mar 2026,1.3343,212.1937\r\n18 Mar 2026,1.3323,212.47\r\n"
READ = {
    "2026-03-17": {"GBP/USD": 1.3343, "GBP/JPY": 212.1937},
    "2026-03-18": {"GBP/USD": 1.3323, "GBP/JPY": 212.47},
}


def test_series_are_rates_per_pound() -> None:
    answer = bank_of_england.parse(BODY, TODAY)
    assert (rates(answer), answer.refusals) == (READ, ())


def test_no_currency_has_two_series() -> None:
    assert len(set(bank_of_england.SERIES.values())) == len(bank_of_england.SERIES)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("16 Mar 2026,-1,212", "invalid_rate"),
        ("16 Mar 2026,1.3", "malformed"),
        ("16/03/2026,1.3,212", "invalid_day"),
        ("16 Mär 2026,1.3,212", "invalid_day"),
        ("19 Mar 2026,1.3,212", "future_day"),
        ("14 Mar 2026,1.3,212", "closed_day"),
        ("17 Mar 2026,1.3344,212.1937", "twice"),
    ],
)
def test_a_faulty_line_is_named_and_takes_no_other_with_it(line, reason) -> None:
    answer = bank_of_england.parse(BODY + line.encode() + b"\r\n", TODAY)
    assert reasons(answer) == [reason]
    assert rates(answer).items() >= READ.items()


def test_a_missing_rate_is_no_fault_and_a_foreign_series_is_left_out() -> None:
    body = BODY.replace(b"XUDLJYS", b"XUDLBK67") + b"16 Mar 2026,..,80.1\r\n"
    answer = bank_of_england.parse(body, TODAY)
    assert reasons(answer) == ["malformed"]
    assert rates(answer) == {"2026-03-17": {"GBP/USD": 1.3343}, "2026-03-18": {"GBP/USD": 1.3323}}


def test_a_last_line_that_is_cut_off_is_left_out() -> None:
    answer = bank_of_england.parse(BODY[:-4], TODAY)
    assert (reasons(answer), list(rates(answer))) == (["truncated"], ["2026-03-17"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html>\r\n<html lang='en'><title>Error</title>", "error_page"),
        (b"Time,XUDLUSS\r\n", "malformed"),
        (b"DATE,XUDLUSS\r\n", "empty"),
    ],
)
def test_what_is_no_list_of_rates_is_named(body, reason) -> None:
    answer = bank_of_england.parse(body, TODAY)
    assert (answer.table, reasons(answer)) == (None, [reason])
