"""Explains why no connection to a broker came about, and decides whether a retry can help.

aiokafka raises the same error for an absent broker, a wrong certificate and a wrong password. Only the error under it
tells them apart.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from ratecast.kafka import connecting, port_probe
from ratecast.kafka.connecting import LoginExchangeError
from ratecast.kafka.oauth_tokens import TokenError
from ratecast.kafka.security import principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.kafka.connecting import Attempt
    from ratecast.settings import Settings

_TLS_ALERT = 0x15  # first byte of an alert: RFC 8446, section 5.1
_LONGEST_QUOTE = 200
# OpenSSL's codes of a failed check (x509_vfy.h).
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAMES = {62, 64}
_UNKNOWN_CAS = {2, 18, 19, 20, 21}
_TAKE_THE_TLS_PORT = (
    "the port speaks TLS: set RATECAST_SECURITY_PROTOCOL to SSL or SASL_SSL, or name the brokers' "
    "plain-text port in RATECAST_BOOTSTRAP_SERVERS"
)
_TAKE_THE_PLAIN_PORT = (
    "the port does not speak TLS: name the brokers' TLS port in RATECAST_BOOTSTRAP_SERVERS, or set "
    "RATECAST_SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT"
)
_ASKS_FOR_A_CERTIFICATE = (
    "the broker asks for a client certificate: set RATECAST_SSL_CERTFILE and RATECAST_SSL_KEYFILE"
)


async def explain(attempt: Attempt, settings: Settings) -> str | None:
    """Returns what is wrong with TLS or the login, and what to change; None if the broker is merely not there.

    Args:
        attempt: the last attempt to connect, if the client could not use the connection.
        settings: the settings of security.
    """
    if attempt.error is None:
        return _closed_at_first_request(settings)
    for error in _causes(attempt.error):
        if text := _named(error, settings):
            return text
    if isinstance(attempt.error, KafkaConnectionError | ConnectionResetError | ssl.SSLError):
        return await _closed_at_once(attempt, settings)
    return None


async def present_fault(settings: Settings) -> str | None:
    """Returns what is wrong with TLS or the login of a running program, if its newest attempt to connect failed."""
    attempt = connecting.newest_attempt()
    return None if attempt is None or attempt.error is None else await explain(attempt, settings)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _named(error: BaseException, settings: Settings) -> str | None:
    """Returns what an error means that has only one meaning."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error)
    if isinstance(error, ssl.SSLError):
        return _refused_by_tls(error, settings)
    if isinstance(error, TokenError | LoginExchangeError):
        return _quoted(str(error.args[0]))
    if isinstance(error, asyncio.IncompleteReadError) and (error.expected or 0) >> 24 == _TLS_ALERT:
        return _TAKE_THE_TLS_PORT  # the alert was read as the length of a response
    return _refused_login(error, settings)


def _refused_login(error: BaseException, settings: Settings) -> str | None:
    if isinstance(error, SaslAuthenticationFailed):
        said = _quoted(str(error.args[0])) if error.args and error.args[0] else "no reason given"
        return (
            f"the broker rejects the login of {principal(settings)} ({said}): check {_credentials(settings)}"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return (
            f"the broker does not offer the mechanism {settings.sasl_mechanism}: set RATECAST_SASL_MECHANISM"
        )
    if isinstance(error, IllegalSaslStateError):
        plain = settings.security_protocol.removeprefix("SASL_")
        return f"the broker asks for no login on this port: set RATECAST_SECURITY_PROTOCOL to {plain}"
    return None


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "the broker's certificate has expired: renew it on the broker, or check this machine's clock"
    if error.verify_code == _NOT_YET_VALID:
        return "the broker's certificate is not valid yet: check this machine's clock"
    if error.verify_code in _OTHER_NAMES:
        return (
            f"the broker's certificate is for another host name ({_quoted(error.verify_message)}): use a name of the "
            "certificate in RATECAST_BOOTSTRAP_SERVERS and in the brokers' advertised.listeners"
        )
    if error.verify_code in _UNKNOWN_CAS:
        return (
            f"the broker's certificate is not signed by a CA that is trusted here ({_quoted(error.verify_message)}): set "
            "RATECAST_SSL_CAFILE to the file of its CA"
        )
    return f"the broker's certificate cannot be trusted: {_quoted(error.verify_message)}"


def _refused_by_tls(error: ssl.SSLError, settings: Settings) -> str | None:
    reason = error.reason or ""
    if "ALERT" in reason:
        if settings.ssl_certfile is None:
            return _ASKS_FOR_A_CERTIFICATE
        # The broker says little more, so that it tells an attacker nothing.
        return (
            f"the broker rejects the client certificate {settings.ssl_certfile} ({reason.lower()}): it may have expired, "
            "or the brokers do not trust its CA"
        )
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}:
        return _TAKE_THE_PLAIN_PORT
    return None


async def _closed_at_once(attempt: Attempt, settings: Settings) -> str | None:
    """Returns why a broker closes a new connection without giving a reason, as far as its port can tell."""
    place = attempt.host, attempt.port
    if not settings.security_protocol.endswith("SSL"):
        return _TAKE_THE_TLS_PORT if await port_probe.speaks_tls(*place) else None
    if await port_probe.speaks_plain_kafka(*place):
        return _TAKE_THE_PLAIN_PORT
    if settings.ssl_certfile is None and await port_probe.asks_for_certificate(*place):
        return _ASKS_FOR_A_CERTIFICATE
    return None


def _closed_at_first_request(settings: Settings) -> str:
    if settings.security_protocol.startswith("SASL"):
        return f"the broker closed the connection after the login: check {_credentials(settings)}"
    return "the broker closed the connection at the first request: it may ask for a login, see RATECAST_SECURITY_PROTOCOL"


def _credentials(settings: Settings) -> str:
    if settings.sasl_mechanism != "OAUTHBEARER":
        return "RATECAST_SASL_USERNAME and RATECAST_SASL_PASSWORD"
    if settings.oauth_token_file is not None:
        return f"the token in {settings.oauth_token_file}: its issuer, audience and time"
    if settings.oauth_aws_region is not None:
        return "the AWS credentials, RATECAST_OAUTH_AWS_REGION and the IAM policy"
    return f"RATECAST_OAUTH_SCOPE, and which tokens of {settings.oauth_token_url} the broker accepts"


def _quoted(text: str) -> str:
    """Returns a foreign text as a part of one line."""
    text = text[:_LONGEST_QUOTE]
    return text if text.isprintable() else text.encode("unicode_escape").decode()
