"""Remembers the pages that were read, so that one that has not changed is neither sent nor read again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from yarl import URL

    from producer.feed.polite_http import Page, PoliteClient, Validators

_MOST_PAGES = 16  # an address may contain the day, so there is a new one every day


class _Known(NamedTuple):
    validators: Validators
    digest: bytes


class KnownPages:
    """Fetches pages that have changed.

    A server that answers 304 saves the transfer. For one that does not, the digest of the content tells whether the page
    has changed.
    """

    def __init__(self, client: PoliteClient) -> None:
        self._client = client
        self._known: OrderedDict[URL, _Known] = OrderedDict()

    async def changed(self, url: URL, accept: str) -> Page | None:
        """Fetch a page; None if it is the one that was kept.

        Raises:
            SourceUnavailableError: it cannot be fetched.
        """
        known = self._known.get(url)
        page = await self._client.get(url, accept, known.validators if known else None)
        if page is None or (known and known.digest == _digest(page)):
            return None
        return page

    def keep(self, page: Page) -> None:
        """Remember a page of which something was taken. One that was refused as a whole is fetched again."""
        self._known[page.url] = _Known(page.validators, _digest(page))
        self._known.move_to_end(page.url)
        while len(self._known) > _MOST_PAGES:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """Fetch and read every page again."""
        self._known.clear()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _digest(page: Page) -> bytes:
    return hashlib.sha256(page.body).digest()
