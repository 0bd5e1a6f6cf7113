"""Polls the European Central Bank: its files of one day, of 90 days and of all days.

The ECB publishes around 16:00 in Frankfurt on every TARGET day. The smallest file that holds the wanted days is fetched.
Revisions of older days: see `producer.feed.sdmx_source`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from producer.feed import http_failures
from producer.feed.formats import ecb_csv, ecb_xml
from producer.feed.known_pages import KnownPages
from producer.feed.polite_http import PoliteClient, checked_url
from producer.feed.source import Answer
from ratecast.rates.target_days import is_target_day

if TYPE_CHECKING:
    from yarl import URL

ECB_ADDRESS = "https://www.ecb.europa.eu/stats/eurofxref/"
DAILY, NINETY_DAYS, HISTORY = "eurofxref-daily.xml", "eurofxref-hist-90d.xml", "eurofxref-hist.zip"
ACCEPT = "application/xml, text/xml, application/zip, text/csv;q=0.9, */*;q=0.1"
_FILES = (".xml", ".zip", ".csv")
_SURELY_HELD_DAYS = 85  # of 90, since the file's first day moves


class EcbSource:
    """The ECB's reference rates.

    Args:
        address: the directory with the ECB's files, or one file (``.xml``, ``.zip``, ``.csv``), which is then all that
            is read.
        client: fetches the files; one with usual limits if None.

    Raises:
        UsageError: the address cannot be used.
    """

    name = "ecb"

    def __init__(self, address: str = ECB_ADDRESS, client: PoliteClient | None = None) -> None:
        self._url = checked_url(address)
        self._pages = KnownPages(client or PoliteClient())

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return http_failures.shown(self._url)

    async def poll(self, since: dt.date | None, today: dt.date) -> Answer:
        """Read the rates from ``since`` on; see `producer.feed.source.Source`."""
        page = await self._pages.changed(self._file(since, today), ACCEPT)
        if page is None:
            return Answer(None)
        # The whole history takes a second, in which the program must still answer for its health.
        answer = await asyncio.to_thread(parse, page.body, today, self.name)
        if answer.table is not None:
            self._pages.keep(page)
        return answer

    async def close(self) -> None:
        """Close connections."""
        await self._pages.close()

    def _file(self, since: dt.date | None, today: dt.date) -> URL:
        if self._url.path.lower().endswith(_FILES):
            return self._url
        return self._url.joinpath(smallest_file(since, today))


def smallest_file(since: dt.date | None, today: dt.date) -> str:
    """Return the smallest file that holds all days from ``since`` to ``today``.

    >>> friday, monday = dt.date(2026, 11, 27), dt.date(2026, 11, 30)
    >>> smallest_file(monday, monday), smallest_file(friday, monday), smallest_file(None, monday)
    ('eurofxref-daily.xml', 'eurofxref-hist-90d.xml', 'eurofxref-hist.zip')
    """
    if since is None or (today - since).days > _SURELY_HELD_DAYS:
        return HISTORY
    wanted = sum(is_target_day(since + dt.timedelta(days=i)) for i in range((today - since).days + 1))
    return DAILY if wanted <= 1 else NINETY_DAYS


def parse(body: bytes, today: dt.date, source: str = "ecb") -> Answer:
    """Return the rates of any of the ECB's files, recognised by how it begins."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return ecb_xml.parse(body, today, source)
    return ecb_csv.parse(body, today, source)
