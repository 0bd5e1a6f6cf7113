"""The rates of a topic by day: every kind of message, in any order."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from ratecast.rates import gathered
from ratecast.rates.gathered import Gatherer
from tests.fakes import FakeRecord


def message(history, *, offset=0, timestamp=0, partition=0, **fields):
    value = json.dumps({"history": history, **fields}).encode()
    return FakeRecord(value, offset=offset, timestamp=timestamp, partition=partition)


def gather(*records, default_pair="EUR/GBP", max_message_bytes=10_000):
    gatherer = Gatherer(default_pair, max_message_bytes)
    gatherer.add(records)
    return gatherer.result()


def rates_by_day(found, pair="EUR/GBP"):
    rates = found.pairs[pair]
    return dict(zip(rates.days.astype(str).tolist(), rates.rates.tolist(), strict=True))


DAYS = ["2025-01-01", "2025-01-02", "2025-01-03"]


def test_times_date_every_rate_and_as_of_only_the_last():
    assert rates_by_day(gather(message([1.0, 2.0, 3.0], times=DAYS))) == dict(
        zip(DAYS, (1.0, 2.0, 3.0), strict=True)
    )
    assert rates_by_day(gather(message([1.0, 2.0, 3.0], as_of="2025-01-03"))) == {"2025-01-03": 3.0}
    assert rates_by_day(gather(message([1.0, 2.0, 3.0], as_of="2025-01-03T15:00:00+01:00"))) == {
        "2025-01-03": 3.0
    }


def test_pairs_are_kept_apart_and_a_message_without_one_is_of_the_default_pair():
    found = gather(
        message([1.0, 2.0, 3.0], times=DAYS, pair="EUR/USD"),
        message([4.0, 5.0, 6.0], times=DAYS),
        default_pair="EUR/CHF",
    )
    assert list(found.pairs) == ["EUR/CHF", "EUR/USD"]
    assert rates_by_day(found, "EUR/CHF")["2025-01-03"] == 6.0
    assert rates_by_day(found, "EUR/USD")["2025-01-03"] == 3.0


def test_what_is_undated_or_undecodable_is_counted_and_skipped():
    found = gather(
        message([1.0, 2.0, 3.0], as_of="2025-01-03"),
        message([1.0, 2.0, 3.0]),
        FakeRecord(b"{"),
        FakeRecord(None),
        message([1.0, 2.0]),
        message([1.0] * 100, as_of="2025-01-04"),
        max_message_bytes=200,
    )
    assert (found.messages, found.dated, found.undated, found.undecodable) == (6, 1, 1, 4)
    assert rates_by_day(found) == {"2025-01-03": 3.0}


def test_the_latest_message_wins_in_whatever_order_they_are_read():
    versions = [
        message([1.0, 1.0, 1.0], times=DAYS, timestamp=10, offset=9),
        message([2.0, 2.0, 2.0], times=DAYS, timestamp=20, offset=3),
        message([3.0, 3.0, 3.0], as_of=DAYS[2], timestamp=20, offset=4),
        message([4.0, 4.0, 4.0], as_of=DAYS[0], timestamp=20, offset=1, partition=1),
    ]
    for order in permutations(versions):
        assert rates_by_day(gather(*order)) == {DAYS[0]: 4.0, DAYS[1]: 2.0, DAYS[2]: 3.0}


@pytest.mark.parametrize("flush", [1, 4, 7, 10_000])
def test_dropping_repeated_days_now_and_then_changes_nothing(monkeypatch, flush):
    monkeypatch.setattr(gathered, "_FLUSH_RATES", flush)
    # Later messages come first, so that what was kept must win over what comes after.
    records = [
        message([float(n)] * 3, times=DAYS, timestamp=100 - n, offset=n, pair=pair)
        for n in range(1, 20)
        for pair in ("EUR/USD", "EUR/CHF")
    ]
    gatherer = Gatherer("EUR/GBP", 10_000)
    for record in records:
        gatherer.add([record])
    assert rates_by_day(gatherer.result(), "EUR/USD") == dict.fromkeys(DAYS, 1.0)
    assert rates_by_day(gatherer.result(), "EUR/CHF") == dict.fromkeys(DAYS, 1.0)


@pytest.mark.parametrize(
    "times", [DAYS[::-1], [DAYS[2], DAYS[0], DAYS[1]], [DAYS[0], DAYS[1], DAYS[1]]], ids=str
)
def test_a_message_whose_days_do_not_ascend_is_counted_and_nothing_is_taken_from_it(times):
    """If the dates are newest first the rates may not be, so each may be of another day."""
    found = gather(message([1.0, 2.0, 3.0], times=times, timestamp=9), message([4.0, 5.0, 6.0], times=DAYS))
    assert (found.messages, found.dated, found.disordered, found.undated) == (2, 1, 1, 0)
    assert rates_by_day(found) == dict(zip(DAYS, (4.0, 5.0, 6.0), strict=True))


def test_days_come_in_order_in_whatever_order_messages_name_them():
    found = gather(*(message([1.0, 2.0, 3.0], as_of=day) for day in (DAYS[2], DAYS[0], DAYS[1])))
    assert list(rates_by_day(found)) == DAYS


def test_an_empty_topic_has_no_rates():
    found = gather()
    assert (found.messages, found.pairs) == (0, {})
