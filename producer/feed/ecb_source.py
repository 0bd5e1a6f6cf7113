"""Polls the European Central Bank: its files of one day, of 90 days and of all days.

The ECB publishes around 16:00 in Frankfurt on every TARGET day. The smallest file that holds the wanted days is fetched.
Revisions of days before the wanted ones: see `producer.feed.sdmx_source`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from producer.feed.formats import ecb_csv, ecb_xml
from producer.feed.page_source import PageSource
from ratecast.rates.target_days import is_target_day

if TYPE_CHECKING:
    from yarl import URL

    from producer.feed.polite_http import PoliteClient
    from producer.feed.source import Answer

ECB_ADDRESS = "https://www.ecb.europa.eu/stats/eurofxref/"
DAILY, NINETY_DAYS, HISTORY = "eurofxref-daily.xml", "eurofxref-hist-90d.xml", "eurofxref-hist.zip"
ACCEPT = "application/xml, text/xml, application/zip, text/csv;q=0.9, */*;q=0.1"
_FILES = (".xml", ".zip", ".csv")
_SURELY_HELD_DAYS = 85  # of 90, since the file's first day moves
_BLANKS = b"\xef\xbb\xbf \t\r\n"


class EcbSource(PageSource):
    """The ECB's reference rates, in units per euro.

    The address is the directory with the ECB's files, or one file (``.xml``, ``.zip``, ``.csv``), which is then all that
    is read.
    """

    name = "ecb"
    accept = ACCEPT

    def __init__(self, address: str = ECB_ADDRESS, client: PoliteClient | None = None) -> None:
        super().__init__(address, client)

    def _page(self, since: dt.date | None, today: dt.date) -> URL:
        if self._url.path.lower().endswith(_FILES):
            return self._url
        return self._url.joinpath(smallest_file(since, today))

    def _parse(self, body: bytes, today: dt.date) -> Answer:
        return parse(body, today)


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


def parse(body: bytes, today: dt.date) -> Answer:
    """Return the rates of any of the ECB's files, recognised by how it begins."""
    if body.lstrip(_BLANKS).startswith(b"<"):
        return ecb_xml.parse(body, today)
    return ecb_csv.parse(body, today)
