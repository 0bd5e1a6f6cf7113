"""Changed bytes never end a program, and never bring a rate that was not sent for that day."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.feed.ecb_source import parse as parse_ecb
from producer.feed.formats import bank_of_england, frankfurter, published_csv, sdmx_csv
from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.day_rules import ecb_days
from producer.feed.source import Answer, Reason
from tests.producer.feed import rate_documents as documents
from tests.producer.feed.formats.answers import rates

TODAY = dt.date(2026, 4, 10)
DAYS = {
    day: {name: published[name] for name in ("USD", "GBP", "JPY", "CHF")}
    for day, published in documents.published_days().items()
    if dt.date(2026, 3, 30) <= day <= TODAY
}


def parse_published(body: bytes, today: dt.date) -> Answer:
    collected = CollectedRates("csv", ecb_days(today))
    fault = published_csv.read(body, collected)
    answer = collected.answer(may_be_empty=True)
    return Answer(None, (*answer.refusals, fault)) if fault else answer


FORMS = {
    "ecb-xml": (parse_ecb, documents.ecb_xml(DAYS)),
    "ecb-csv": (parse_ecb, documents.ecb_history_csv(DAYS)),
    "ecb-zip": (parse_ecb, documents.zipped("eurofxref-hist.csv", documents.ecb_history_csv(DAYS))),
    "sdmx": (sdmx_csv.parse, documents.sdmx_csv(DAYS)),
    "frankfurter-1": (frankfurter.parse, documents.frankfurter_span(DAYS)),
    "frankfurter-2": (frankfurter.parse, documents.frankfurter_rows(DAYS)),
    "frankfurter-lines": (frankfurter.parse, documents.frankfurter_rows(DAYS, "ndjson")),
    "frankfurter-csv": (frankfurter.parse, documents.frankfurter_rows(DAYS, "csv")),
    "bank": (
        bank_of_england.parse,
        documents.bank_of_england_csv(DAYS, list(documents.SERIES_OF_BANK.values())),
    ),
    "csv": (
        parse_published,
        documents.frankfurter_rows(DAYS, "csv").replace(b"EUR,", b"EUR/").replace(b"base,quote", b"pair"),
    ),
}
every_form = pytest.mark.parametrize("form", FORMS)
# What no number, name or date of a rate contains, so that a change cannot make one rate into another.
_FOREIGN = [bytes([byte]) for byte in b"\x00\x01\xff\x80\"'<>&;,:{}[]/\\ \t\r\n#_"]


def checked(answer: Answer) -> Answer:
    """Whatever was sent, refusals are of the closed set and fit on a line of a log, and rates are rates."""
    for reason, detail in answer.refusals:
        assert reason in Reason
        assert detail.isprintable()
        assert len(detail) < 400
    for pairs in rates(answer).values():
        assert all(0 < rate < float("inf") for rate in pairs.values())
    return answer


def assert_only_what_was_sent(answer: Answer, sent: dict[str, dict[str, float]]) -> None:
    for day, pairs in rates(checked(answer)).items():
        assert pairs.items() <= sent[day].items()


@every_form
def test_the_unchanged_form_is_read_without_a_fault(form) -> None:
    parse, body = FORMS[form]
    answer = parse(body, TODAY)
    assert len(rates(answer)) == len(DAYS) == 8
    assert answer.refusals == ()


@every_form
def test_a_cut_at_any_place_brings_nothing_that_was_not_sent(form) -> None:
    parse, body = FORMS[form]
    sent = rates(parse(body, TODAY))
    for length in range(0, len(body), max(1, len(body) // 120)):
        answer = parse(body[:length], TODAY)
        assert_only_what_was_sent(answer, sent)
        assert answer.refusals or rates(answer) != sent or form == "sdmx"


@every_form
def test_foreign_bytes_bring_nothing_that_was_not_sent_without_a_refusal(form) -> None:
    parse, body = FORMS[form]
    sent = rates(parse(body, TODAY))
    choose = random.Random(form)
    for _ in range(200):
        place = choose.randrange(len(body))
        # A digit that is overwritten makes another rate, which nobody can tell from one that was sent.
        overwritten = not body[place : place + 1].isdigit() and choose.random() < 0.5
        answer = parse(body[:place] + choose.choice(_FOREIGN) + body[place + overwritten :], TODAY)
        if not checked(answer).refusals:
            assert_only_what_was_sent(answer, sent)


@pytest.mark.parametrize(
    "form", ["ecb-xml", "ecb-csv", "sdmx", "frankfurter-lines", "frankfurter-csv", "bank", "csv"]
)
def test_lines_in_another_order_or_twice_change_no_rate(form) -> None:
    parse, body = FORMS[form]
    sent = rates(parse(body, TODAY))
    first, *lines = body.splitlines(keepends=True)
    choose = random.Random(form)
    lines += lines[: len(lines) // 2]
    choose.shuffle(lines)
    answer = parse(first + b"".join(lines), TODAY)
    assert_only_what_was_sent(answer, sent)
    if form != "ecb-xml":
        assert (rates(answer), answer.refusals) == (sent, ())


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["", "<", "PK\x03\x04", "{", "[", "DATE,XUDLUSS\r\n", "date,USD\n"]),
)
def test_any_bytes_are_an_answer(body, begin) -> None:
    for parse, _ in FORMS.values():
        checked(parse(begin.encode() + body, TODAY))


@every_form
def test_random_damage_is_an_answer(form) -> None:
    parse, body = FORMS[form]
    choose = random.Random(form)
    for _ in range(60):
        damaged = bytearray(body)
        for _ in range(choose.randrange(1, 20)):
            damaged[choose.randrange(len(damaged))] = choose.randrange(256)
        start = choose.randrange(len(damaged))
        del damaged[start : start + choose.choice([0, 0, 1, 50])]
        checked(parse(bytes(damaged), TODAY))
