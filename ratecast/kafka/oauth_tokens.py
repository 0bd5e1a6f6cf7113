"""Tokens for the mechanism OAUTHBEARER: from a token endpoint, from a file, or signed for AWS MSK.

aiokafka asks for a token at each new connection. A broker with ``connections.max.reauth.ms`` closes a connection whose
token has expired, because aiokafka cannot authenticate again on an open connection (KIP-368,
https://github.com/aio-libs/aiokafka/issues/1015). The client then connects again with a new token.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import importlib.util
import json
import logging
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaConnectionError

from ratecast.errors import UsageError
from ratecast.secret_files import SecretFileError, current_secret, read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_TIMEOUT_SECONDS = 10.0
_MOST_BYTES = 2**20
_LIFETIME_SECONDS = 300.0  # assumed if neither the answer nor the token says more
_RENEW_AFTER_SHARE = 0.8  # of the lifetime; librdkafka renews at the same point
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")  # RFC 6749, section 5.2


class TokenError(KafkaConnectionError):  # type: ignore[misc]
    """No token could be had. The message never contains a token or a secret."""


@dataclass(frozen=True)
class _Token:
    text: str
    lifetime_seconds: float


class TokenSource:
    """Keeps a token and renews it before it expires. All clients of a program share one.

    Args:
        fetch: returns a new token. It may block.
    """

    def __init__(self, fetch: Callable[[], _Token]) -> None:
        self._fetch = fetch
        # Threads and not tasks share it, because a fetch must not block an event loop, and a program may have several.
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._fetched_at = 0.0

    async def token(self) -> str:
        """Returns a token that has not expired.

        Raises:
            TokenError: there is none.
        """
        return await asyncio.to_thread(self._current)

    def _current(self) -> str:
        with self._lock:
            age = time.monotonic() - self._fetched_at
            if self._token is not None and age < _RENEW_AFTER_SHARE * self._token.lifetime_seconds:
                return self._token.text
            started = time.monotonic()
            try:
                self._token = self._fetch()
            except TokenError as error:
                if self._token is None or age >= self._token.lifetime_seconds:
                    raise
                log.warning("%s; the present token is valid for some more seconds", error)
            else:
                self._fetched_at = started
            return self._token.text


@functools.lru_cache(maxsize=8)
def token_source(settings: Settings) -> TokenSource:
    """Returns the source of tokens that the settings name.

    Raises:
        UsageError: the package that signs for AWS is not installed.
    """
    if settings.oauth_token_file is not None:
        return TokenSource(functools.partial(_from_file, settings))
    if settings.oauth_aws_region is not None:
        if importlib.util.find_spec("aws_msk_iam_sasl_signer") is None:
            raise UsageError("RATECAST_OAUTH_AWS_REGION needs the extra msk: pip install 'ratecast[msk]'")
        return TokenSource(functools.partial(_from_aws, settings.oauth_aws_region))
    return TokenSource(functools.partial(_from_endpoint, settings))


def _from_file(settings: Settings) -> _Token:
    assert settings.oauth_token_file is not None  # noqa: S101 - for the type checker
    try:
        text = read_secret(settings.oauth_token_file)
    except SecretFileError as error:
        raise TokenError(f"RATECAST_OAUTH_TOKEN_FILE: {error}") from None
    return _Token(_checked(text, "RATECAST_OAUTH_TOKEN_FILE"), 0.0)  # read again for each connection


def _from_aws(region: str) -> _Token:
    signer = importlib.import_module("aws_msk_iam_sasl_signer").MSKAuthTokenProvider
    try:
        text, expires_ms = signer.generate_auth_token(region)
    except Exception as error:  # noqa: BLE001 - the signer and botocore declare no common class
        raise TokenError(f"no token for MSK could be signed: {type(error).__name__}: {error}") from None
    return _Token(_checked(text, "the signer for MSK"), expires_ms / 1000 - time.time())


def _from_endpoint(settings: Settings) -> _Token:
    """Ask for a token with client credentials (RFC 6749, section 4.4.2)."""
    url = settings.oauth_token_url
    assert url is not None  # noqa: S101 - for the type checker
    secret = current_secret(settings, "oauth_client_secret") or ""
    pair = ":".join(urllib.parse.quote_plus(part) for part in (settings.oauth_client_id or "", secret))
    form = {"grant_type": "client_credentials"}
    if settings.oauth_scope is not None:
        form["scope"] = settings.oauth_scope
    request = urllib.request.Request(  # noqa: S310 - the settings accept http and https only
        url,
        urllib.parse.urlencode(form).encode(),
        {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}", "Accept": "application/json"},
    )
    try:
        with _opener(settings).open(request, timeout=_TIMEOUT_SECONDS) as response:
            answer = json.loads(response.read(_MOST_BYTES))
        text, lifetime = answer["access_token"], answer.get("expires_in")
    except urllib.error.HTTPError as error:
        with error:
            raise TokenError(f"{url} gave no token: status {error.code}{_error_code(error)}") from None
    except OSError as error:
        raise TokenError(f"{url} gave no token: {getattr(error, 'reason', error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TokenError(f"{url} gave no token: its answer is not that of a token endpoint") from None
    text = _checked(text, url)
    return _Token(text, _lifetime(lifetime, text))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, because the request's header contains the client secret."""

    def redirect_request(self, *_: Any) -> None:
        """Returns None: the redirect becomes an error."""
        return


def _opener(settings: Settings) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    if settings.ssl_cafile is not None:  # a company's CA often signs both
        context.load_verify_locations(settings.ssl_cafile)
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))


def _error_code(error: urllib.error.HTTPError) -> str:
    try:
        code = json.loads(error.read(_MOST_BYTES))["error"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""


def _checked(text: object, origin: str) -> str:
    """Returns a token. Other text could change the login message that the token is put into."""
    if not isinstance(text, str) or not _B64TOKEN.fullmatch(text):
        raise TokenError(f"{origin} gave something that is no token")
    return text


def _lifetime(seconds: object, token: str) -> float:
    """Returns how many seconds a token is valid, from the answer or else from the token's own claims."""
    if isinstance(seconds, int | float) and seconds > 0:
        return float(seconds)
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return max(0.0, float(claims["exp"]) - time.time())
    except (IndexError, ValueError, KeyError, TypeError):
        return _LIFETIME_SECONDS
