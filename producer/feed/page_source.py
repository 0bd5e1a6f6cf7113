"""What sources of one page have in common: fetch it if it has changed, read it, remember it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from producer.feed import http_failures
from producer.feed.known_pages import KnownPages
from producer.feed.polite_http import PoliteClient, checked_url
from producer.feed.source import Answer, Reason

if TYPE_CHECKING:
    import datetime as dt

    from yarl import URL


class PageSource(ABC):
    """A source whose rates are on one page; see `producer.feed.source.Source`.

    Args:
        address: where the source is.
        client: fetches the page; one with usual limits if None.

    Raises:
        UsageError: the address cannot be used.
    """

    name: ClassVar[str]
    accept: ClassVar[str]

    def __init__(self, address: str, client: PoliteClient | None = None) -> None:
        self._url = checked_url(address)
        self._pages = KnownPages(client or PoliteClient())
        self._refused_future_on: dt.date | None = None

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return http_failures.shown(self._url)

    async def poll(self, since: dt.date | None, today: dt.date) -> Answer:
        """Read the rates from ``since`` on."""
        if self._refused_future_on not in {None, today}:
            self._pages.forget()  # what lay in the future may do so no longer
        page = await self._pages.changed(self._page(since, today), self.accept)
        if page is None:
            return Answer(None)
        # A whole history takes a second, in which the program must still answer for its health.
        answer = await asyncio.to_thread(self._parse, page.body, today)
        reasons = {reason for reason, _ in answer.refusals}
        # What was cut off is still missing, although the server may call the page unchanged.
        if answer.table is not None and Reason.TRUNCATED not in reasons:
            self._pages.keep(page)
        self._refused_future_on = today if Reason.FUTURE_DAY in reasons else None
        return answer

    async def close(self) -> None:
        """Close connections."""
        await self._pages.close()

    @abstractmethod
    def _page(self, since: dt.date | None, today: dt.date) -> URL:
        """Return the page that holds the rates from ``since`` on."""

    @abstractmethod
    def _parse(self, body: bytes, today: dt.date) -> Answer:
        """Return the rates of a page."""
