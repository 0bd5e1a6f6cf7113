from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any

import pytest

from producer.feed.published_rates import PublishedRates
from tests.producer.feed.feed_rates import PublishedRecord

TODAY = dt.date(2026, 3, 20)


def message(pair: str = "EUR/USD", day: str = "2026-03-20", mark: str = "", **others: Any) -> PublishedRecord:
    last = dt.date.fromisoformat(day)
    times = [(last - dt.timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    fields = {
        "message_id": f"{pair}@{day}{mark}", "pair": pair, "as_of": day, "history": [1.1, 1.2, 1.3], "times": times,
    }  # fmt: skip
    return PublishedRecord(json.dumps(fields | others).encode())


def taken(*records: PublishedRecord) -> PublishedRates:
    rates = PublishedRates(["EUR/USD", "EUR/GBP"], 10_000)
    rates.take(records, TODAY)
    return rates


def test_the_newest_day_counts_even_if_older_days_were_published_after_it() -> None:
    rates = taken(message(), message(day="2025-01-03"), message("EUR/GBP", "2026-03-19"))
    assert {pair: str(newest.day) for pair, newest in rates.newest.items()} == {
        "EUR/USD": "2026-03-20",
        "EUR/GBP": "2026-03-19",
    }
    assert rates.complete_day() == TODAY - dt.timedelta(days=1)
    assert rates.newest["EUR/USD"].source == "ecb"


def test_the_highest_revision_of_a_day_counts_whatever_the_order() -> None:
    for records in ([message(), message(mark="+r2", history=[1, 2, 9]), message(mark="+r1")],) * 3:
        random.shuffle(records)
        rates = taken(*records)
        assert rates.newest["EUR/USD"].rates.tolist() == [1, 2, 9]
        assert rates.next_mark("EUR/USD", TODAY) == "+r3"
    assert taken().next_mark("EUR/USD", TODAY) == ""
    assert taken(message()).next_mark("EUR/USD", TODAY) == "+r1"


def test_a_pair_whose_currency_ended_does_not_hold_up_the_complete_day() -> None:
    assert taken().complete_day() is None
    assert taken(message(), message("EUR/GBP", "2026-03-10")).complete_day() == dt.date(2026, 3, 10)
    assert taken(message(), message("EUR/GBP", "2026-03-09")).complete_day() == TODAY


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (PublishedRecord(b"\xff\xfe"), "that are no histories"),
        (PublishedRecord(b'{"history": [1, 2, 3]}'), "of other pairs"),
        (PublishedRecord(b"x" * 20_000), "that are no histories"),
        (message("USD/JPY"), "of other pairs"),
        (message(message_id="predict-1"), "not by a feed"),
        (message(message_id="EUR/GBP@2026-03-20"), "not by a feed"),
        (message(mark="+lap2"), "not by a feed"),
        (message(mark="+r0"), "not by a feed"),
        (message(mark="+r" + "9" * 40), "not by a feed"),
        (message(mark="+r\u0661"), "not by a feed"),
        (message(times=None), "not by a feed"),
        (message(message_id="EUR/USD@2026-03-19"), "with wrong dates"),
        (message(as_of="2026-03-20T00:00:00Z"), "with wrong dates"),
        (message(times=["2026-03-19", "2026-03-18", "2026-03-20"]), "with wrong dates"),
        (message(day="2099-01-05"), "with wrong dates"),
    ],
)
def test_what_no_feed_wrote_is_left_aside_and_counted(record: PublishedRecord, reason: str) -> None:
    rates = taken(record, message(day="2026-03-18"))
    assert str(rates.newest["EUR/USD"].day) == "2026-03-18"
    assert rates.left_aside == {reason: 1}


def test_memory_does_not_grow_with_the_topic() -> None:
    rates = PublishedRates(["EUR/USD"], 10_000)
    first = dt.date(2010, 1, 4)
    for start in range(0, 3000, 100):
        days = [(first + dt.timedelta(days=start + i)).isoformat() for i in range(100)]
        rates.take([message(day=day) for day in days], TODAY)
    remembered = [
        day for i in range(3000) if rates.next_mark("EUR/USD", day := first + dt.timedelta(days=i)) == "+r1"
    ]
    assert 200 <= len(remembered) <= 400
    assert remembered[-1] == first + dt.timedelta(days=2999)
