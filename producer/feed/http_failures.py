"""Says in one line why a page could not be fetched, and what to do about it."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from producer.feed.source import SourceUnavailableError

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

# A source that asks for more is asked again after a day all the same: a wrong clock must not stop a feed for good.
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
_LONGEST_SHOWN = 120  # characters of a library's message

_REMEDIES = {
    400: "it does not accept the question; check address and pairs",
    401: "it wants credentials, which this program does not send",
    403: "it refuses this client; ask its operator, or use another source",
    404: "check the address; the path may have moved",
    410: "the path has moved; look up the new address",
    422: "it does not accept the question; check address and pairs",
    429: "it was asked too often; the next attempt waits",
}


# What the client raises -> outcome for the metric, and what to say. The first that fits counts.
_FAILURES: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    (
        (aiohttp.ClientConnectorDNSError, UnicodeError),
        "no_host",
        "there is no host {host}; check the address and the name server",
    ),
    (
        (aiohttp.ClientConnectorCertificateError,),
        "tls",
        "its certificate is not trusted ({said}); give the certificate of its issuer as CA file",
    ),
    ((aiohttp.ClientSSLError,), "tls", "TLS failed ({said}); check the address and its port"),
    (
        (aiohttp.ConnectionTimeoutError,),
        "timeout",
        "no connection to {host}:{port} in time; is a firewall in between?",
    ),
    ((TimeoutError,), "timeout", "no complete answer within {seconds:g} s; it is asked again later"),
    ((aiohttp.TooManyRedirects,), "redirect", "it redirects in circles; check the address"),
    (
        (aiohttp.NonHttpUrlRedirectClientError, aiohttp.InvalidUrlRedirectClientError),
        "redirect",
        "it redirects to what is no http or https address; check the address",
    ),
    (
        (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError),
        "proxy",
        "the proxy gives no connection ({said}); check HTTPS_PROXY and NO_PROXY",
    ),
    ((aiohttp.ClientConnectorError,), "refused", "no connection to {host}:{port} ({said}); is it running?"),
    (
        (aiohttp.ClientPayloadError,),
        "truncated",
        "the answer is damaged or ended too early; it is asked again later",
    ),
    (
        (aiohttp.ServerDisconnectedError, ConnectionError),
        "disconnected",
        "it closed the connection without an answer; it is asked again later",
    ),
    (
        (Exception,),
        "protocol",
        "its answer is no valid HTTP ({said}); check the address and its port",
    ),
)


def without_credentials(address: str) -> str:
    """Return an address for a message: without user, password, query and fragment, in one line.

    >>> without_credentials("https://me:secret@rates.example/v1?key=abc")
    'https://rates.example/v1'
    """
    try:
        url = URL(address)
    except ValueError:
        return "the address"
    if not url.raw_host:
        return ascii(address.partition("?")[0].rpartition("@")[2][:_LONGEST_SHOWN])
    return shown(url)


def shown(url: URL) -> str:
    """Return a URL for a message, without user, password, query and fragment."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


def of_status(url: URL, answer: aiohttp.ClientResponse) -> SourceUnavailableError:
    """Return the failure of an answer with a status other than 200."""
    status = answer.status
    remedy = _REMEDIES.get(status)
    if remedy is None:
        remedy = "the source has a fault; it is asked again later" if status >= 500 else "check the address"
    wait = retry_after(answer.headers)
    asked = f" (it asks to wait {wait:.0f} s)" if wait is not None else ""
    return SourceUnavailableError(f"{shown(url)}: status {status}: {remedy}{asked}", f"status_{status}", wait)


def downgraded(url: URL) -> SourceUnavailableError:
    """Return the failure of an https address that leads to one without encryption."""
    return SourceUnavailableError(
        f"{shown(url)}: it redirects to an address without TLS, where anybody could change rates; check the address",
        "redirect",
    )


def of_error(url: URL, error: Exception, timeout_seconds: float | None) -> SourceUnavailableError:
    """Return the failure that an exception of the HTTP client stands for."""
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    outcome, sentence = next(
        (outcome, sentence) for kinds, outcome, sentence in _FAILURES if isinstance(error, kinds)
    )
    what = sentence.format(host=url.raw_host, port=url.port, said=one_line(cause), seconds=timeout_seconds)
    return SourceUnavailableError(f"{shown(url)}: {what}", outcome)


def retry_after(headers: CIMultiDictProxy[str]) -> float | None:
    """Return how many seconds an answer asks to wait, at most a day; None if it does not.

    A date is compared with the answer's own ``Date``, so that neither clock has to be right (RFC 9110, 10.2.3).
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER_SECONDS)
    until = _instant(text)
    if until is None:
        return None
    now = _instant(headers.get("Date", "")) or dt.datetime.now(dt.UTC)
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def _instant(text: str) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def one_line(error: BaseException) -> str:
    """Return what a library says of an error. It never quotes an address, which may hold credentials."""
    said = (getattr(error, name, None) for name in ("verify_message", "strerror", "message", "reason"))
    text = next((text for text in said if isinstance(text, str) and text), type(error).__name__)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:_LONGEST_SHOWN]
