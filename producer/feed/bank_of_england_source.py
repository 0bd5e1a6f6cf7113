"""Polls the Bank of England's database of spot rates."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from producer.feed.formats import bank_of_england
from producer.feed.formats.bank_of_england import BASE, SERIES
from producer.feed.formats.notation import english_day
from producer.feed.page_source import PageSource
from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from producer.feed.polite_http import PoliteClient
    from producer.feed.source import Answer

BANK_ADDRESS = "https://www.bankofengland.co.uk/boeapps/database/_iadb-fromshowcolumns.asp"
_FIRST_DAY = dt.date(1975, 1, 2)
_EARLIER = dt.timedelta(
    days=7
)  # so that there is a day with rates: without any, the bank answers with an error page


class BankOfEnglandSource(PageSource):
    """The Bank of England's daily spot rates, in units per pound.

    Args:
        address: where the database is.
        currencies: which currencies to ask for; all that are known if empty. The pound is left out.
        client: fetches the page; one with usual limits if None.

    Raises:
        UsageError: the address cannot be used, or the bank has no such currency.
    """

    name = "bank-of-england"
    accept = "application/csv, text/csv;q=0.9, */*;q=0.1"

    def __init__(
        self,
        address: str = BANK_ADDRESS,
        currencies: Sequence[str] = (),
        client: PoliteClient | None = None,
    ) -> None:
        super().__init__(address, client)
        codes = {currency: code for code, currency in SERIES.items()}
        wanted = [currency for currency in currencies if currency != BASE] or list(codes)
        if unknown := sorted(set(wanted) - set(codes)):
            raise UsageError(
                f"the Bank of England's rates have no {', '.join(unknown)}; they have {', '.join(codes)} per pound"
            )
        # One unknown code would turn the whole answer into an error page.
        self._codes = ",".join(codes[currency] for currency in dict.fromkeys(wanted))

    def _page(self, since: dt.date | None, today: dt.date) -> URL:
        first = _FIRST_DAY if since is None else max(since - _EARLIER, _FIRST_DAY)
        return self._url.extend_query(
            {
                "csv.x": "yes",
                "Datefrom": english_day(first),
                "Dateto": english_day(today),
                "SeriesCodes": self._codes,
                "UsingCodes": "Y",
                "CSVF": "TN",
            }
        )

    def _parse(self, body: bytes, today: dt.date) -> Answer:
        return bank_of_england.parse(body, today)
