"""Every source of one page against the local server, with every fault."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import aiohttp
import pytest

from producer.feed.source import SourceUnavailableError
from producer.feed.sources import source_of
from tests.producer.feed import rate_faults as faults
from tests.producer.feed.formats.answers import rates, reasons
from tests.producer.feed.rate_server import BANK, DIRECTORY, SDMX, Fault, RateServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from producer.feed.source import Source

FRIDAY, MONDAY = dt.date(2026, 4, 10), dt.date(2026, 4, 13)
PAIRS = ("GBP/USD", "GBP/JPY")
SOURCES = [
    ("ecb", DIRECTORY),
    ("ecb", f"{DIRECTORY}eurofxref-hist.xml"),
    ("ecb", f"{DIRECTORY}eurofxref-hist.zip"),
    ("ecb-sdmx", SDMX),
    ("frankfurter", "/v1"),
    ("frankfurter", "/v2"),
    ("bank-of-england", BANK),
]
# Days and rates as each source quotes them.
QUOTED = {"bank-of-england": ("GBP/USD", 1.344)}
every_source = pytest.mark.parametrize(("kind", "path"), SOURCES, ids=lambda text: text.strip("/"))


@pytest.fixture
async def server() -> AsyncIterator[RateServer]:
    """Everything up to Friday is published."""
    async with RateServer(FRIDAY, since=dt.date(2026, 3, 2)) as server:
        yield server


@pytest.fixture
async def source(server, kind, path) -> AsyncIterator[Source]:
    source = source_of(kind, server.url + path, PAIRS)
    yield source
    await source.close()


def pair_of(kind: str) -> str:
    return "GBP/USD" if kind == "bank-of-england" else "EUR/USD"


@every_source
async def test_a_new_day_is_brought_once_it_is_published(server, source, kind) -> None:
    before = rates(await source.poll(FRIDAY, MONDAY))
    assert str(FRIDAY) in before
    assert str(MONDAY) not in before
    unchanged = await source.poll(FRIDAY, MONDAY)
    assert unchanged.table is None or rates(unchanged).items() <= before.items() or kind == "ecb-sdmx"
    assert unchanged.refusals == ()
    server.publish(MONDAY)
    after = rates(await source.poll(FRIDAY, MONDAY))
    usd, gbp = float(server.days[MONDAY]["USD"]), float(server.days[MONDAY]["GBP"])
    expected = round(usd / gbp, 4) if kind == "bank-of-england" else usd
    assert after[str(MONDAY)][pair_of(kind)] == expected


@every_source
@pytest.mark.parametrize("conditional", [True, False])
async def test_an_unchanged_page_brings_nothing_whether_the_server_can_say_so_or_not(
    server, source, conditional
) -> None:
    server.conditional = conditional
    await source.poll(FRIDAY, MONDAY)
    await source.poll(FRIDAY, MONDAY)
    answer = await source.poll(FRIDAY, MONDAY)
    assert (answer.table, answer.refusals) == (None, ())
    assert server.seen[-1].status == (304 if conditional else 200)


@every_source
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.ERROR_PAGE, "error_page"),
        (Fault.ERROR_OBJECT, "error_page"),
        (Fault.EMPTY, "empty"),
        (Fault.HALF, "truncated"),
    ],
)
async def test_an_answer_that_is_no_data_is_refused_and_the_next_one_is_read(
    server, source, kind, fault, reason
) -> None:
    server.fail(fault, times=1)
    answer = await source.poll(FRIDAY, FRIDAY)
    # An empty answer of the ECB's data service means that there is nothing.
    assert reasons(answer) == ([] if (kind, fault) == ("ecb-sdmx", Fault.EMPTY) else [reason])
    assert pair_of(kind) not in rates(answer).get(str(FRIDAY), {})
    after = await source.poll(FRIDAY, FRIDAY)
    assert pair_of(kind) in rates(after)[str(FRIDAY)]
    assert after.refusals == ()


@every_source
async def test_an_outage_raises_and_the_wish_to_wait_is_carried(server, source, kind) -> None:
    server.retry_after = "120"
    server.fail(Fault.TOO_OFTEN, times=1)
    with pytest.raises(SourceUnavailableError) as raised:
        await source.poll(FRIDAY, FRIDAY)
    assert (raised.value.outcome, raised.value.retry_after_seconds) == ("status_429", 120.0)
    server.fail(Fault.DISCONNECT, times=2)  # the client itself asks twice
    with pytest.raises(SourceUnavailableError):
        await source.poll(FRIDAY, FRIDAY)
    assert pair_of(kind) in rates(await source.poll(FRIDAY, FRIDAY))[str(FRIDAY)]


@every_source
async def test_a_moved_path_is_followed(server, source, kind) -> None:
    server.fail(Fault.MOVED)
    assert pair_of(kind) in rates(await source.poll(FRIDAY, FRIDAY))[str(FRIDAY)]


@every_source
@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (dt.date(2026, 3, 28), "closed_day"),  # the weekend repeats Friday's rates
        (dt.date(2026, 4, 3), "closed_day"),  # a holiday of TARGET
        (dt.date(2062, 4, 13), "future_day"),
    ],
)
async def test_rates_of_a_day_that_cannot_have_any_are_refused(server, source, kind, day, reason) -> None:
    server.distortion = faults.dated(day)
    answer = await source.poll(dt.date(2026, 3, 20), FRIDAY)
    known_holiday = kind != "bank-of-england" or day.weekday() >= 5
    asked_for = kind != "frankfurter" or day < FRIDAY or "/v2" in server.seen[-1].path
    if known_holiday and asked_for:
        assert reasons(answer) == [reason]
        assert str(day) not in rates(answer)
    assert pair_of(kind) in rates(answer)[str(FRIDAY)]


@every_source
async def test_a_rate_that_is_none_takes_no_other_with_it(server, source, kind) -> None:
    server.distortion = faults.replaced("USD", "-1.1")
    answer = await source.poll(dt.date(2026, 4, 9), FRIDAY)
    assert reasons(answer) == ["invalid_rate"]
    brought = rates(answer)
    assert brought[str(FRIDAY)].keys() == brought["2026-04-09"].keys() - {pair_of(kind)}


@every_source
async def test_the_noise_of_floating_point_is_no_revision(server, source, kind) -> None:
    clean = rates(await source.poll(dt.date(2026, 4, 9), FRIDAY))
    server.distortion = faults.noisy()
    noisy = rates(await source.poll(dt.date(2026, 4, 9), FRIDAY))
    if noisy:  # the Bank of England rounds, so nothing has changed
        assert noisy[str(FRIDAY)].items() <= clean[str(FRIDAY)].items()


@every_source
async def test_a_currency_that_ends_just_stops(server, source) -> None:
    server.distortion = faults.ended("JPY")
    answer = await source.poll(dt.date(2026, 4, 9), FRIDAY)
    assert answer.refusals == ()
    assert not [pair for pair in rates(answer)[str(FRIDAY)] if "JPY" in pair]
    assert [pair for pair in rates(answer)["2026-04-09"] if "JPY" in pair]


@every_source
async def test_wrong_but_possible_rates_are_brought_for_the_screening(server, source, kind) -> None:
    for distortion in (faults.inverted(), faults.multiplied("USD", 100.0)):
        server.distortion = distortion
        answer = await source.poll(dt.date(2026, 4, 9), FRIDAY)
        assert answer.refusals == ()
        brought = rates(answer)
        assert brought[str(FRIDAY)][pair_of(kind)] != brought["2026-04-09"][pair_of(kind)]


@every_source
async def test_a_revised_rate_is_brought(server, source, kind) -> None:
    await source.poll(FRIDAY, MONDAY)
    server.publish(MONDAY)
    server.revise(FRIDAY, "USD", "1.2", dt.datetime(2026, 4, 13, 14, tzinfo=dt.UTC))
    revised = rates(await source.poll(FRIDAY, MONDAY))[str(FRIDAY)][pair_of(kind)]
    assert revised == (
        round(1.2 / float(server.days[FRIDAY]["GBP"]), 4) if kind == "bank-of-england" else 1.2
    )


@every_source
async def test_what_lay_in_the_future_is_taken_when_its_day_has_come(server, source, kind) -> None:
    await source.poll(FRIDAY, FRIDAY)
    server.publish(MONDAY)
    early = await source.poll(FRIDAY, FRIDAY)
    assert str(MONDAY) not in rates(early)
    assert pair_of(kind) in rates(await source.poll(FRIDAY, MONDAY))[str(MONDAY)]


@every_source
async def test_a_server_that_refuses_unnamed_programs_is_satisfied(server, source) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}{DIRECTORY}x") as answer:
        assert answer.status == 403
    await source.poll(None, FRIDAY)
    assert [seen.status for seen in server.seen] == [403, 200]


@every_source
async def test_polls_at_the_same_time_do_not_disturb_each_other(source, kind) -> None:
    answers = await asyncio.gather(*(source.poll(FRIDAY, FRIDAY) for _ in range(5)))
    assert all(pair_of(kind) in rates(answer)[str(FRIDAY)] for answer in answers if answer.table is not None)
    assert answers[0].table is not None
