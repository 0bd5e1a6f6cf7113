from __future__ import annotations

import datetime as dt

import pytest

from producer.feed.ecb_history import ECB_HISTORY, fetch_history
from producer.feed.source import SourceUnavailableError
from ratecast.errors import UsageError
from tests.producer.feed.rate_server import DIRECTORY, Fault, RateServer

DAY = dt.date(2026, 4, 10)


async def test_the_file_is_had_as_served_with_its_rates_and_only_if_it_has_changed() -> None:
    async with RateServer(DAY, since=dt.date(2026, 1, 2)) as server:
        address = f"{server.url}{DIRECTORY}eurofxref-hist.zip"
        file = await fetch_history(address, today=DAY)
        assert file is not None
        assert file.content.startswith(b"PK")
        assert file.table is not None
        assert (str(file.table.dates[-1]), file.refusals) == (str(DAY), ())
        assert await fetch_history(address, today=DAY, known=file.validators) is None
        server.publish(dt.date(2026, 4, 13))
        newer = await fetch_history(address, today=dt.date(2026, 4, 13), known=file.validators)
        assert newer is not None
        assert newer.content != file.content


async def test_an_error_page_is_no_table_and_an_outage_is_an_error() -> None:
    async with RateServer(DAY, since=dt.date(2026, 4, 1)) as server:
        address = f"{server.url}{DIRECTORY}eurofxref-hist.zip"
        server.fail(Fault.ERROR_PAGE)
        file = await fetch_history(address, today=DAY)
        assert file is not None
        assert (file.table, [str(reason) for reason, _ in file.refusals]) == (None, ["error_page"])
        server.fail(Fault.UNAVAILABLE)
        with pytest.raises(SourceUnavailableError, match="status 503"):
            await fetch_history(address, today=DAY)


async def test_the_public_address_is_the_zip_and_a_wrong_one_is_wrong_use() -> None:
    assert ECB_HISTORY == "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"
    with pytest.raises(UsageError, match="is no address"):
        await fetch_history("eurofxref-hist.zip", today=DAY)
