"""Connects clients to the brokers: addresses, security, and retries while no broker answers."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from ratecast.errors import BrokerSecurityError, BrokerUnavailableError
from ratecast.kafka import connecting
from ratecast.kafka.closing import shielded_start
from ratecast.kafka.connection_faults import explain
from ratecast.kafka.security import security_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tenacity import RetryCallState

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_SECURITY_LIMIT_SECONDS = 5.0


def client_options(settings: Settings) -> dict[str, Any]:
    """Returns the keyword arguments that every aiokafka client gets: addresses and security.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    connecting.install()
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": "ratecast",
        **security_options(settings),
    }


async def connect(start: Callable[[], Awaitable[object]], settings: Settings) -> None:
    """Start a client, and retry with growing random pauses while no broker answers.

    A broker that rejects TLS or the login is asked again for a few seconds only, in case that a certificate or a
    password is being replaced.

    Raises:
        BrokerSecurityError: every broker rejected TLS or the login. The message says what to change.
        BrokerUnavailableError: no broker answered within ``connect_timeout_seconds``.
    """
    fault: str | None = None
    limit = settings.connect_timeout_seconds

    def is_over(state: RetryCallState) -> bool:
        return (state.seconds_since_start or 0.0) >= (min(limit, _SECURITY_LIMIT_SECONDS) if fault else limit)

    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((KafkaConnectionError, OSError)),
            stop=is_over,
            wait=wait_random_exponential(multiplier=0.25, max=5),
            reraise=True,
        ):
            with attempt, connecting.watched() as watch:
                if attempt.retry_state.attempt_number == 2 and fault is None:
                    log.warning(
                        "no broker answers at %s; retrying for up to %g s", settings.bootstrap_servers, limit
                    )
                try:
                    await start()
                except (KafkaConnectionError, OSError):
                    fault = await explain(watch.last, settings) if watch.last else None
                    raise
    except (KafkaConnectionError, OSError):
        if fault is not None:
            raise BrokerSecurityError(f"cannot connect to {settings.bootstrap_servers}: {fault}") from None
        raise BrokerUnavailableError(
            f"no broker at {settings.bootstrap_servers} answered within {limit:g} s: "
            "start one with `ratecast broker`, or set RATECAST_BOOTSTRAP_SERVERS"
        ) from None


async def started(
    make: Callable[[], Any], close: Callable[[Any], Awaitable[object]], settings: Settings
) -> Any:
    """Returns a connected client. Each attempt makes a new client, and closes it if it fails to start.

    Args:
        make: makes an aiokafka client. One that has failed to start cannot be started again.
        close: closes such a client.
        settings: the brokers, and how long to retry.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    clients: list[Any] = []

    async def start() -> None:
        client = make()
        try:
            await shielded_start(client.start())
        except BaseException:
            await close(client)
            raise
        clients.append(client)

    await connect(start, settings)
    return clients[0]


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[Any]:
    """Opens a connected admin client, and closes it on exit.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    client = await started(
        lambda: AIOKafkaAdminClient(**client_options(settings)), AIOKafkaAdminClient.close, settings
    )
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def wire_client(settings: Settings) -> AsyncIterator[Any]:
    """Opens a client for requests that aiokafka's other clients do not send, and closes it on exit. It does not retry.

    Raises:
        KafkaConnectionError: no broker answered.
    """
    client = AIOKafkaClient(**client_options(settings))
    try:
        await shielded_start(client.bootstrap())
        yield client
    finally:
        await client.close()
