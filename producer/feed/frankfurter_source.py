"""Polls Frankfurter, a free service for the ECB's rates that many people run themselves."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from producer.feed.formats import frankfurter
from producer.feed.formats.day_rules import ECB_FIRST_DAY
from producer.feed.formats.frankfurter import BASE
from producer.feed.page_source import PageSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from producer.feed.polite_http import PoliteClient
    from producer.feed.source import Answer

FRANKFURTER_ADDRESS = "https://api.frankfurter.dev/v1"
# A span without rates, such as today's before the publication, is a 404. A week before it there is always one.
_EARLIER = dt.timedelta(days=7)


class FrankfurterSource(PageSource):
    """The ECB's reference rates from a host that runs Frankfurter, in units per euro.

    The address ends with the version, ``/v1`` or ``/v2``; without one it is version 1. From version 2, which mixes many
    banks, only the ECB's rates are asked for.

    Args:
        address: where the service is.
        currencies: which currencies to ask for; all if empty. The euro is left out.
        client: fetches the page; one with usual limits if None.
    """

    name = "frankfurter"
    accept = "application/json, application/x-ndjson;q=0.9, text/csv;q=0.8"

    def __init__(
        self,
        address: str = FRANKFURTER_ADDRESS,
        currencies: Sequence[str] = (),
        client: PoliteClient | None = None,
    ) -> None:
        super().__init__(address.rstrip("/"), client)
        self._currencies = ",".join(sorted(set(currencies) - {BASE}))

    def _page(self, since: dt.date | None, today: dt.date) -> URL:
        first = ECB_FIRST_DAY if since is None else max(since - _EARLIER, ECB_FIRST_DAY)
        if self._url.name == "v2":
            page, names = self._url / "rates", "quotes"
            asked = {"base": BASE, "providers": "ecb", "from": str(first), "to": str(today)}
        else:
            version = self._url if self._url.name == "v1" else self._url / "v1"
            page, asked, names = version / f"{first}..{today}", {"base": BASE}, "symbols"
        return page.extend_query({**asked, **({names: self._currencies} if self._currencies else {})})

    def _parse(self, body: bytes, today: dt.date) -> Answer:
        return frankfurter.parse(body, today)
