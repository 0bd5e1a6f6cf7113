"""What each source asks for, and what is wrong use of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from producer.feed.ecb_source import DAILY, HISTORY, NINETY_DAYS, EcbSource, smallest_file
from producer.feed.frankfurter_source import FrankfurterSource
from producer.feed.sdmx_source import SdmxSource
from producer.feed.sources import ADDRESSES, Kind, source_of
from ratecast.errors import UsageError
from tests.producer.feed.formats.answers import rates
from tests.producer.feed.rate_server import BANK, DIRECTORY, SDMX, Fault, RateServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FRIDAY, MONDAY = dt.date(2026, 4, 10), dt.date(2026, 4, 13)


@pytest.fixture
async def server() -> AsyncIterator[RateServer]:
    async with RateServer(FRIDAY, since=dt.date(2026, 1, 2)) as server:
        yield server


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.CSV])
async def test_every_kind_has_a_public_address(kind) -> None:
    source = source_of(kind)
    assert source.address == ADDRESSES[kind]
    assert source.address.startswith("https://")
    assert source.name == kind
    await source.close()


@pytest.mark.parametrize(
    ("since", "today", "file"),
    [
        (None, FRIDAY, HISTORY),
        (FRIDAY, FRIDAY, DAILY),
        (FRIDAY, dt.date(2026, 4, 12), DAILY),
        (FRIDAY, MONDAY, NINETY_DAYS),
        (
            dt.date(2026, 4, 3),
            dt.date(2026, 4, 6),
            DAILY,
        ),  # Good Friday to Easter Monday: the daily file's day is known
        (dt.date(2026, 4, 14), MONDAY, DAILY),
        (dt.date(2026, 1, 16), FRIDAY, NINETY_DAYS),
        (dt.date(2026, 1, 10), FRIDAY, HISTORY),
    ],
)
def test_the_smallest_file_of_the_ecb_that_holds_the_days_is_asked_for(since, today, file) -> None:
    assert smallest_file(since, today) == file


async def test_a_source_of_the_ecb_may_be_one_file(server) -> None:
    source = EcbSource(f"{server.url}{DIRECTORY}eurofxref.zip")
    assert list(rates(await source.poll(None, FRIDAY))) == [str(FRIDAY)]
    await source.close()


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_directory_of_the_ecb_may_end_with_a_slash(server, slash) -> None:
    source = EcbSource(server.url + DIRECTORY.rstrip("/") + slash)
    await source.poll(FRIDAY, FRIDAY)
    assert server.seen[-1].path == DIRECTORY + DAILY
    await source.close()


async def test_the_data_service_is_asked_for_days_first_and_for_revisions_of_any_day_then(server) -> None:
    source = SdmxSource(server.url + SDMX)
    await source.poll(FRIDAY, FRIDAY)
    old = dt.date(2026, 1, 5)
    server.revise(old, "USD", "1.2", dt.datetime(2026, 4, 11, tzinfo=dt.UTC))
    brought = rates(await source.poll(FRIDAY, MONDAY))
    await source.close()
    assert [sorted(seen.query) for seen in server.seen] == [
        ["endPeriod", "format", "startPeriod"],
        ["endPeriod", "format", "updatedAfter"],
    ]
    assert brought[str(old)]["EUR/USD"] == 1.2
    assert set(brought) == {str(old), "2026-04-09", str(FRIDAY)}


async def test_the_data_service_is_asked_for_days_again_after_an_answer_that_was_cut_off(server) -> None:
    source = SdmxSource(server.url + SDMX)
    server.fail(Fault.HALF, times=1)
    assert rates(await source.poll(FRIDAY, FRIDAY)).keys() == {str(FRIDAY)}
    assert len(rates(await source.poll(FRIDAY, FRIDAY))[str(FRIDAY)]) == 29
    await source.close()
    assert ["startPeriod" in seen.query for seen in server.seen] == [True, True]


@pytest.mark.parametrize(
    ("address", "path", "query"),
    [
        ("", "/v1/2026-04-03..2026-04-10", {"base": "EUR", "symbols": "GBP,USD"}),
        ("/v1/", "/v1/2026-04-03..2026-04-10", {"base": "EUR", "symbols": "GBP,USD"}),
        (
            "/v2",
            "/v2/rates",
            {
                "base": "EUR",
                "quotes": "GBP,USD",
                "providers": "ecb",
                "from": "2026-04-03",
                "to": "2026-04-10",
            },
        ),
    ],
)
async def test_frankfurter_is_asked_for_the_currencies_of_the_pairs_only(
    server, address, path, query
) -> None:
    source = source_of("frankfurter", server.url + address, ["GBP/USD", "EUR/GBP"])
    assert rates(await source.poll(FRIDAY, FRIDAY))[str(FRIDAY)].keys() == {"EUR/GBP", "EUR/USD"}
    await source.close()
    assert (server.seen[-1].path, server.seen[-1].query) == (path, query)


async def test_without_pairs_frankfurter_is_asked_for_everything(server) -> None:
    source = FrankfurterSource(server.url)
    assert len(rates(await source.poll(None, FRIDAY))[str(FRIDAY)]) == 29
    await source.close()
    assert server.seen[-1].path == "/v1/1999-01-04..2026-04-10"


async def test_the_bank_of_england_is_asked_by_series(server) -> None:
    source = source_of("bank-of-england", server.url + BANK, ["USD/GBP", "GBP/JPY"])
    await source.poll(FRIDAY, FRIDAY)
    await source.close()
    query = server.seen[-1].query
    assert query["SeriesCodes"] == "XUDLUSS,XUDLJYS"
    assert (query["Datefrom"], query["Dateto"]) == ("03/Apr/2026", "10/Apr/2026")


@pytest.mark.parametrize(
    ("kind", "address", "pairs", "said"),
    [
        ("fed", "", (), "choose one of ecb, ecb-sdmx, frankfurter, bank-of-england, csv"),
        ("csv", "", (), "needs the path"),
        ("ecb", "", ("EURUSD",), "is not a pair"),
        ("ecb", "", ("USD/USD",), "is not a pair"),
        ("ecb", "www.ecb.europa.eu", (), "is no address"),
        ("bank-of-england", "", ("EUR/USD",), "per pound and has no EUR/USD"),
        ("bank-of-england", "", ("GBP/XAU",), "have no XAU"),
    ],
)
def test_wrong_use_is_one_line(kind, address, pairs, said) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        source_of(kind, address, pairs)
    assert str(raised.value).isprintable()


async def test_an_address_is_shown_without_user_and_password(server) -> None:
    source = source_of("ecb", server.url.replace("//", "//me:secret@") + DIRECTORY)
    assert source.address == server.url + DIRECTORY
    await source.close()
