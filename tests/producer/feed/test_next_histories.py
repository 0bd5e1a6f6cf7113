from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from producer.feed.next_histories import NextHistories, next_histories
from producer.plan import histories
from tests.producer.feed.feed_rates import PAIRS, Market, publish, published

if TYPE_CHECKING:
    from producer.feed.published_rates import PublishedRates
    from ratecast.rates.tables import RateTable

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (dt.date(2026, 3, day) for day in (16, 17, 18, 19))


def upcoming(
    table: RateTable, rates: PublishedRates, today: dt.date, *, screened: bool = True, source: str = "ecb"
) -> NextHistories:
    return next_histories(table, rates, PAIRS, today, source, screened=screened)


def run(market: Market, *days: dt.date) -> PublishedRates:
    """Publish on each of these days, as a feed does."""
    rates = published()
    for day in days:
        publish(rates, upcoming(market.table(day), rates, day))
    return rates


def ids(found: NextHistories) -> list[str]:
    return [message.message_id for message in found.messages]


def test_an_empty_topic_begins_with_the_newest_day_of_each_pair() -> None:
    found = upcoming(Market().table(MONDAY), published(), MONDAY)
    assert ids(found) == [f"{pair}@2026-03-16" for pair in PAIRS]


def test_a_message_is_byte_for_byte_what_a_replay_makes_of_the_same_rates() -> None:
    table = Market().table(WEDNESDAY)
    rates = run(Market(), MONDAY)
    plan = histories.plan(table, PAIRS, TUESDAY, WEDNESDAY)
    replayed = [(message.day, message.value) for message in plan.messages(0, len(plan))]
    found = upcoming(table, rates, WEDNESDAY)
    assert [(message.day, message.value) for message in found.messages] == replayed


def test_an_outage_is_caught_up_by_day_and_then_by_pair() -> None:
    found = upcoming(Market().table(THURSDAY), run(Market(), MONDAY), THURSDAY)
    assert ids(found) == [f"{pair}@2026-03-{day}" for day in (17, 18, 19) for pair in PAIRS]


def test_what_was_published_is_not_published_again() -> None:
    assert ids(upcoming(Market().table(MONDAY), run(Market(), MONDAY), MONDAY)) == []


def test_a_source_with_one_day_only_continues_the_published_history() -> None:
    market = Market()
    found = upcoming(market.table(TUESDAY, since=TUESDAY), run(market, MONDAY), TUESDAY)
    assert found.messages == upcoming(market.table(TUESDAY), run(market, MONDAY), TUESDAY).messages


def test_a_day_that_has_not_begun_in_frankfurt_waits() -> None:
    assert ids(upcoming(Market().table(TUESDAY), run(Market(), MONDAY), MONDAY)) == []


def test_a_revision_publishes_its_day_and_the_newest_one_again_and_then_rests() -> None:
    market = Market()
    rates = run(market, MONDAY, TUESDAY, WEDNESDAY, THURSDAY)
    market.change("USD", "2026-03-17", 1.001)
    found = upcoming(market.table(THURSDAY), rates, THURSDAY)
    assert ids(found) == [
        f"{pair}@{day}+r1" for day in (TUESDAY, THURSDAY) for pair in ("EUR/USD", "GBP/USD")
    ]
    assert found.revised_from == TUESDAY
    assert json.loads(found.messages[0].value)["as_of"] == "2026-03-17"
    corrected = json.loads(found.messages[2].value)
    assert corrected["history"][corrected["times"].index("2026-03-17")] == found.messages[0].rate
    publish(rates, found)
    assert ids(upcoming(market.table(THURSDAY), rates, THURSDAY)) == []
    market.change("USD", "2026-03-17", 1.002)
    again = upcoming(market.table(THURSDAY), rates, THURSDAY)
    assert ids(again)[::2] == ["EUR/USD@2026-03-17+r2", "EUR/USD@2026-03-19+r2"]


def test_a_day_that_the_source_adds_later_is_published_under_its_plain_id() -> None:
    market = Market()
    market.change("GBP", "2026-03-17", None)
    rates = run(market, MONDAY, TUESDAY, WEDNESDAY)
    market.changes.clear()
    found = upcoming(market.table(WEDNESDAY), rates, WEDNESDAY)
    assert ids(found)[::2] == ["EUR/GBP@2026-03-17", "EUR/GBP@2026-03-18+r1"]


def test_noise_of_a_float_is_no_revision() -> None:
    market = Market()
    rates = run(market, MONDAY)
    market.change("USD", "2026-03-16", 1 + 1e-12)
    assert ids(upcoming(market.table(MONDAY), rates, MONDAY)) == []


@pytest.mark.parametrize("source", [None, "frankfurter"])
def test_days_of_a_replay_or_of_another_source_are_continued_but_not_revised(source: str | None) -> None:
    market = Market()
    rates = published([upcoming(market.table(MONDAY), published(), MONDAY)], source)
    market.change("USD", "2026-03-13", 1.001)
    assert ids(upcoming(market.table(MONDAY), rates, MONDAY)) == []
    assert ids(upcoming(market.table(TUESDAY), rates, TUESDAY)) == [f"{pair}@2026-03-17" for pair in PAIRS]


@pytest.mark.parametrize("factor", [1.2, 100.0, 1 / 1.15**2])
def test_a_suspicious_rate_is_held_back_with_its_crosses_and_takes_no_other_pair_with_it(
    factor: float,
) -> None:
    market = Market()
    rates = run(market, MONDAY)
    market.change("USD", "2026-03-17", factor)
    found = upcoming(market.table(TUESDAY), rates, TUESDAY)
    assert ids(found) == ["EUR/GBP@2026-03-17"]
    assert [(held.pair, held.day, held.rule) for held in found.held] == [
        ("EUR/USD", "2026-03-17", "unconfirmed"),
        ("GBP/USD", "2026-03-17", "unconfirmed"),
    ]
    forced = upcoming(market.table(TUESDAY), rates, TUESDAY, screened=False)
    assert ids(forced) == [f"{pair}@2026-03-17" for pair in PAIRS]


def test_a_rate_that_the_next_one_confirms_is_published_with_it_in_order() -> None:
    market = Market()
    rates = run(market, MONDAY)
    market.change("USD", "2026-03-17", 1.2)
    publish(rates, upcoming(market.table(TUESDAY), rates, TUESDAY))
    market.change("USD", "2026-03-18", 1.2)
    found = upcoming(market.table(WEDNESDAY), rates, WEDNESDAY)
    assert found.held == ()
    assert ids(found) == [
        "EUR/USD@2026-03-17", "GBP/USD@2026-03-17", "EUR/USD@2026-03-18", "EUR/GBP@2026-03-18", "GBP/USD@2026-03-18",
    ]  # fmt: skip


def test_a_rate_that_the_next_one_reverses_is_in_no_message() -> None:
    market = Market()
    rates = run(market, MONDAY)
    market.change("USD", "2026-03-17", 1.2)
    publish(rates, upcoming(market.table(TUESDAY), rates, TUESDAY))
    found = upcoming(market.table(WEDNESDAY), rates, WEDNESDAY)
    assert ids(found) == [f"{pair}@2026-03-18" for pair in PAIRS]
    assert {held.rule for held in found.held} == {"spike"}
    assert "2026-03-17" not in json.loads(found.messages[0].value)["times"]


def test_a_suspicious_revision_changes_nothing() -> None:
    market = Market()
    rates = run(market, MONDAY, TUESDAY, WEDNESDAY)
    market.change("USD", "2026-03-17", 1.2)
    found = upcoming(market.table(WEDNESDAY), rates, WEDNESDAY)
    assert ids(found) == []
    assert [held.rule for held in found.held] == ["spike", "spike"]


def test_no_history_spans_a_hole_and_a_pair_waits_for_enough_rates() -> None:
    market = Market()
    rates = run(market, MONDAY)
    for day in market.days:
        if dt.date(2026, 3, 17) <= day <= dt.date(2026, 4, 20):
            market.change("GBP", day.isoformat(), None)
    later = dt.date(2026, 4, 22)
    found = upcoming(market.table(later), rates, later)
    assert {message.pair for message in found.messages} == {"EUR/USD"}
    assert found.short == (("EUR/GBP", 2), ("GBP/USD", 2))


def test_a_currency_that_ends_and_one_that_is_unknown_leave_the_others_alone() -> None:
    market = Market()
    rates = run(market, MONDAY)
    for day in market.days:
        if day > MONDAY:
            market.change("GBP", day.isoformat(), None)
    table = market.table(TUESDAY)
    found = next_histories(table, rates, (*PAIRS, "EUR/XXX"), TUESDAY, "ecb")
    assert ids(found) == ["EUR/USD@2026-03-17"]
    assert [pair for pair, _ in found.unknown] == ["EUR/XXX"]
