"""Fetches pages as a polite and careful client: it says who it is, asks for changes only, and trusts no answer.

The usual variables for proxies (``HTTPS_PROXY``, ``NO_PROXY``) are respected, since a feed often runs behind one.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
from yarl import URL

from producer.feed import http_failures
from producer.feed.source import SourceUnavailableError
from ratecast.errors import UsageError
from ratecast.release import __version__

if TYPE_CHECKING:
    from pathlib import Path

USER_AGENT = f"ratecast/{__version__} (+https://github.com/ratecast/ratecast)"
MAX_BODY_BYTES = 16 * 1024 * 1024
TIMEOUT_SECONDS = 60.0
CONNECT_SECONDS = 15.0
MAX_REDIRECTS = 5
_CHUNK_BYTES = 64 * 1024
_NO_CONTENT, _NOT_MODIFIED = 204, 304


class Validators(NamedTuple):
    """What a server gave to ask whether a page has changed."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of a conditional request."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Page:
    """A page as it was fetched.

    Attributes:
        url: what was asked for.
        body: the content, decompressed.
        validators: how to ask for changes.
    """

    url: URL
    body: bytes
    validators: Validators


def checked_url(address: str) -> URL:
    """Return an address as a URL.

    Raises:
        UsageError: it is no http or https address with a host.
    """
    try:
        url = URL(address)
        host, port = url.host, url.port
    except ValueError:
        host, port = None, None
    if not host or not port or url.scheme not in {"http", "https"}:
        raise UsageError(
            f"{http_failures.without_credentials(address)} is no address: write https://host/path"
        )
    return url


class PoliteClient:
    """An HTTP client for one source.

    Args:
        ca_file: certificates to trust besides the system's, PEM; None for the system's only.
        max_body_bytes: longest answer that is read, after decompression.
        timeout_seconds: longest duration of a request as a whole.

    Raises:
        UsageError: the file of certificates cannot be read.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._tls = _trusting(ca_file) if ca_file else True
        self._max_body_bytes = max_body_bytes
        self._timeout = aiohttp.ClientTimeout(timeout_seconds, connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: URL, accept: str, known: Validators | None = None) -> Page | None:
        """Fetch a page.

        Args:
            url: what to fetch.
            accept: the media types that can be read.
            known: what an earlier answer gave.

        Returns:
            The page; None if the server says that it has not changed since ``known``.

        Raises:
            SourceUnavailableError: it cannot be fetched. The message is one line with cause and remedy.
        """
        headers = {"Accept": accept, **(known.headers() if known else {})}
        try:
            async with self._open().get(url, headers=headers, max_redirects=MAX_REDIRECTS) as answer:
                hops = [hop.url for hop in (*answer.history, answer)]
                if url.scheme == "https" and any(hop.scheme != "https" for hop in hops):
                    raise http_failures.downgraded(url)
                if answer.status == _NOT_MODIFIED and known:
                    return None
                if answer.status not in {200, _NO_CONTENT}:
                    raise http_failures.of_status(url, answer)
                body = await self._body(url, answer)
                validators = Validators(answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
                return Page(url, body, validators)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise http_failures.of_error(url, error, self._timeout.total) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        # A session belongs to the running loop, so it cannot be made in the constructor.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=2),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                timeout=self._timeout,
                trust_env=True,
            )
        return self._session

    async def _body(self, url: URL, answer: aiohttp.ClientResponse) -> bytes:
        # The length that a server claims is no limit, and a few compressed bytes may unpack to many.
        chunks, length = [], 0
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            length += len(chunk)
            if length > self._max_body_bytes:
                raise SourceUnavailableError(
                    f"{http_failures.shown(url)}: the answer is longer than {self._max_body_bytes:,} bytes and was "
                    "not read to its end; check the address",
                    "too_large",
                )
            chunks.append(chunk)
        return b"".join(chunks)


def _trusting(ca_file: Path) -> ssl.SSLContext:
    """Return a context that trusts the system's certificates and those of a file."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{ca_file}: no file of certificates in PEM: {http_failures.one_line(error)}"
        ) from None
    return context
