"""TLS and login of every client of the brokers. Passwords and TLS files are read again for each new connection."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.helpers import create_ssl_context

from ratecast.errors import UsageError
from ratecast.kafka.oauth_tokens import token_source
from ratecast.secret_files import current_secret

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from ratecast.settings import Settings

log = logging.getLogger(__name__)


def security_options(settings: Settings) -> dict[str, Any]:
    """Returns the keyword arguments by which an aiokafka client encrypts and logs in.

    Raises:
        UsageError: a TLS file cannot be used, or a package for tokens is missing.
    """
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol == "PLAINTEXT":
        return options
    credentials = Credentials(settings)
    options |= credentials.now()
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
        }
    # aiokafka hands this object to each connection, whatever the mechanism is.
    options["sasl_oauth_token_provider"] = credentials
    return options


class Credentials(AbstractTokenProvider):  # type: ignore[misc]
    """What a client proves its identity with, at the time of each connection.

    Args:
        settings: the settings of security.

    Raises:
        UsageError: a package for tokens is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._read_from: tuple[object, ...] | None = None
        self._fault: str | None = None
        uses_tokens = (
            settings.security_protocol.startswith("SASL") and settings.sasl_mechanism == "OAUTHBEARER"
        )
        self._tokens = token_source(settings) if uses_tokens else None

    async def token(self) -> str:
        """Returns a token that has not expired, for the mechanism OAUTHBEARER.

        Raises:
            TokenError: there is none.
        """
        assert self._tokens is not None  # noqa: S101 - aiokafka asks for a token with that mechanism only
        return await self._tokens.token()

    def now(self) -> dict[str, Any]:
        """Returns the keyword arguments of a connection that may have changed since the last one.

        Raises:
            UsageError: a TLS file cannot be used, and there was no usable one before.
        """
        options: dict[str, Any] = {}
        if self._settings.security_protocol.startswith("SASL"):
            options["sasl_plain_password"] = current_secret(self._settings, "sasl_password")
        if self._settings.security_protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        read_from = self._signature()
        if self._context is not None and read_from == self._read_from:
            return self._context
        try:
            self._context, self._read_from = new_ssl_context(self._settings), read_from
            self._fault = None
        except UsageError as error:
            if self._context is None:
                raise
            # Certificate and key may be replaced one after the other. The next connection looks again.
            if str(error) != self._fault:
                log.warning("%s; still using what the files contained before", error)
            self._fault = str(error)
        return self._context

    def _signature(self) -> tuple[object, ...]:
        settings = self._settings
        files = (settings.ssl_cafile, settings.ssl_certfile, settings.ssl_keyfile)
        return (*map(_state, files), current_secret(settings, "ssl_password"))


def _state(path: Path | None) -> tuple[int, int, int] | None:
    """Returns what changes when a file is replaced or written; None if there is no file."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size)


def new_ssl_context(settings: Settings) -> ssl.SSLContext:
    """Returns the TLS context of connections to the brokers.

    Raises:
        UsageError: a file cannot be used. The message names the setting.
    """
    files = {
        "RATECAST_SSL_CAFILE": settings.ssl_cafile,
        "RATECAST_SSL_CERTFILE": settings.ssl_certfile,
        "RATECAST_SSL_KEYFILE": settings.ssl_keyfile,
    }
    for variable, path in files.items():
        if path is not None and not path.is_file():
            raise UsageError(f"{variable}: {path} {'is no file' if path.exists() else 'does not exist'}")
    cafile, certfile, keyfile = (None if path is None else str(path) for path in files.values())
    # OpenSSL would ask for a missing password on the terminal and wait.
    password = current_secret(settings, "ssl_password") or ""
    try:
        context: ssl.SSLContext = create_ssl_context(cafile=cafile)
    except OSError as error:
        raise UsageError(
            f"RATECAST_SSL_CAFILE: {settings.ssl_cafile} is no CA certificate: {error}"
        ) from None
    try:
        if certfile is not None:
            context.load_cert_chain(certfile, keyfile, lambda: password)
    except OSError as error:
        raise UsageError(
            f"the client certificate cannot be used: {error} (see RATECAST_SSL_CERTFILE, RATECAST_SSL_KEYFILE and "
            "RATECAST_SSL_PASSWORD)"
        ) from None
    context.check_hostname = settings.ssl_check_hostname
    return context


def principal(settings: Settings) -> str:
    """Returns whom the brokers know this program as, as far as a client can know.

    >>> from ratecast.settings import Settings
    >>> principal(Settings())
    'User:ANONYMOUS'
    """
    if settings.security_protocol.startswith("SASL"):
        if settings.sasl_mechanism == "OAUTHBEARER":
            return "the subject of the token"
        return f"User:{settings.sasl_username}"
    if settings.ssl_certfile is not None and settings.security_protocol == "SSL":
        return f"the subject of {settings.ssl_certfile.name}"
    return "User:ANONYMOUS"
