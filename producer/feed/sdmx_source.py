"""Polls the ECB's data service, which also says what was revised."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from producer.feed.formats import sdmx_csv
from producer.feed.formats.day_rules import ECB_FIRST_DAY
from producer.feed.page_source import PageSource
from producer.feed.source import Reason

if TYPE_CHECKING:
    from yarl import URL

    from producer.feed.polite_http import PoliteClient
    from producer.feed.source import Answer

SDMX_ADDRESS = "https://data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A"
_ONE_DAY = dt.timedelta(days=1)


class SdmxSource(PageSource):
    """The ECB's reference rates from its data service, in units per euro.

    The first poll asks for all days from ``since`` on. Later ones ask what has been published since the day before
    ``since``. That is every rate from ``since`` on, because none is published before its day, and every older rate that
    was revised in the meantime. No poll relies on an earlier one.
    """

    name = "ecb-sdmx"
    accept = "application/vnd.sdmx.data+csv;version=1.0.0, text/csv;q=0.9, */*;q=0.1"

    def __init__(self, address: str = SDMX_ADDRESS, client: PoliteClient | None = None) -> None:
        super().__init__(address, client)
        self._answered = False

    def _page(self, since: dt.date | None, today: dt.date) -> URL:
        first = since or ECB_FIRST_DAY
        if not self._answered or since is None:
            span = {"startPeriod": str(first)}
        else:
            span = {"updatedAfter": f"{first - _ONE_DAY}T00:00:00+00:00"}
        return self._url.extend_query({"format": "csvdata", **span, "endPeriod": str(today)})

    def _parse(self, body: bytes, today: dt.date) -> Answer:
        answer = sdmx_csv.parse(body, today)
        if answer.table is not None and all(reason is not Reason.TRUNCATED for reason, _ in answer.refusals):
            self._answered = True
        return answer
