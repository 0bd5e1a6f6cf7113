"""Asks a client's credentials for their present values at each new connection, and keeps the connection's outcome."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

from ratecast.kafka.aiokafka_seams import replace_connect, replace_token_login
from ratecast.kafka.security import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.kafka.aiokafka_seams import Connect


class LoginExchangeError(KafkaConnectionError):  # type: ignore[misc]
    """A broker answered a login with something that aiokafka does not expect."""


class TokenLogin(OAuthAuthenticator):  # type: ignore[misc]
    """A login with a token that fails if the broker rejects the token."""

    async def step(self, payload: bytes | None) -> tuple[str, bool] | None:
        """Returns what to send next, or None at the end.

        Raises:
            SaslAuthenticationFailed: the broker rejects the token. It says why in JSON (RFC 7628, section 3.2.2).
        """
        if payload:
            raise SaslAuthenticationFailed(payload.decode(errors="replace"))
        step: tuple[str, bool] | None = await super().step(payload)
        return step


@dataclass(frozen=True)
class Attempt:
    """One attempt to open a connection.

    Attributes:
        host: the broker's host.
        port: its port.
        error: why it failed; None if TLS and the login succeeded.
    """

    host: str
    port: int
    error: BaseException | None


class Watch:
    """Keeps the last attempt of the clients that are started while it is active."""

    def __init__(self) -> None:
        self.is_active = True
        self.last: Attempt | None = None


# A client's background tasks inherit it from the task that started the client, so it says itself when it has ended.
_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


_newest: Attempt | None = None


def newest_attempt() -> Attempt | None:
    """Returns the newest attempt of any client of this process; None before the first."""
    return _newest


def install() -> None:
    """Have all clients of this process connect as this module says. A second call does nothing."""
    if replace_connect(_observed):
        replace_token_login(TokenLogin)


def _present() -> Watch | None:
    watch = _watch.get()
    return watch if watch is not None and watch.is_active else None


@contextmanager
def watched() -> Iterator[Watch]:
    """Watches the connections that are opened inside the block, and keeps the client from logging their failures.

    The client would log the same failure at every attempt. Ours is reported once.
    """
    watch = Watch()
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        watch.is_active = False
        _watch.reset(token)


def _observed(connect: Connect) -> Connect:
    logging.getLogger("aiokafka").addFilter(lambda _: _present() is None)

    async def create_conn(host: str, port: int, **options: Any) -> Any:
        error: BaseException | None = None
        try:
            return await _connected(connect, host, port, **options)
        except Exception as failure:
            error = failure
            raise
        finally:
            global _newest  # noqa: PLW0603 - the clients of a process share their credentials too
            _newest = Attempt(host, port, error)
            if (watch := _present()) is not None:
                watch.last = _newest

    return create_conn


async def _connected(connect: Connect, host: str, port: int, **options: Any) -> Any:
    credentials = options.get("sasl_oauth_token_provider")
    if isinstance(credentials, Credentials):
        options |= credentials.now()
    try:
        return await connect(host, port, **options)
    except OSError:  # some errors of TLS are ValueErrors too
        raise
    except (ValueError, LookupError, AssertionError) as error:
        # The client expects none of these, and would end with a traceback.
        raise LoginExchangeError(f"the login with {host}:{port} failed: {error!r}") from error
