"""Connects clients to the brokers: addresses, security, and retries while no broker answers."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.helpers import create_ssl_context
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from ratecast.errors import BrokerUnavailableError, UsageError
from ratecast.kafka.closing import shielded_start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from ratecast.settings import Settings

log = logging.getLogger(__name__)


def client_options(settings: Settings) -> dict[str, Any]:
    """Returns the keyword arguments that every aiokafka client gets: addresses and security.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
        "client_id": "ratecast",
    }
    if settings.security_protocol.startswith("SASL"):
        password = settings.sasl_password
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    return options


def _ssl_context(settings: Settings) -> Any:
    password = settings.ssl_password
    try:
        context = create_ssl_context(
            cafile=str(settings.ssl_cafile) if settings.ssl_cafile else None,
            certfile=str(settings.ssl_certfile) if settings.ssl_certfile else None,
            keyfile=str(settings.ssl_keyfile) if settings.ssl_keyfile else None,
            password=password.get_secret_value() if password else None,
        )
    except OSError as error:
        raise UsageError(f"a TLS file cannot be used: {error} (see RATECAST_SSL_*)") from None
    context.check_hostname = settings.ssl_check_hostname
    return context


async def connect(start: Callable[[], Awaitable[object]], settings: Settings) -> None:
    """Start a client, and retry with growing random pauses while no broker answers.

    Raises:
        BrokerUnavailableError: no broker answered within ``connect_timeout_seconds``.
    """
    with _last_client_error() as last_error:
        await _connect(start, settings, last_error)


async def _connect(start: Callable[[], Awaitable[object]], settings: Settings, last_error: list[str]) -> None:
    limit = settings.connect_timeout_seconds
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((KafkaConnectionError, OSError)),
            stop=stop_after_delay(limit),
            wait=wait_random_exponential(multiplier=0.25, max=5),
            reraise=True,
        ):
            with attempt:
                if attempt.retry_state.attempt_number == 2:
                    log.warning(
                        "no broker answers at %s; retrying for up to %g s", settings.bootstrap_servers, limit
                    )
                await start()
    except (KafkaConnectionError, OSError):
        # aiokafka raises the same error if TLS or the login fails. Only its log states the cause.
        has_reason = last_error and settings.security_protocol != "PLAINTEXT"
        reason = f" (the client: {last_error[-1]})" if has_reason else ""
        raise BrokerUnavailableError(
            f"no broker at {settings.bootstrap_servers} answered within {limit:g} s{reason}: "
            "start one with `ratecast broker`, or set RATECAST_BOOTSTRAP_SERVERS"
        ) from None


@contextmanager
def _last_client_error() -> Iterator[list[str]]:
    """Keeps aiokafka's log silent inside the block, and its last error in the list.

    aiokafka logs the same error at every attempt, and ours is logged once.
    """
    last_error: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            last_error[:] = [record.getMessage()]

    client_log, listener = logging.getLogger("aiokafka"), Listener(logging.ERROR)
    propagate = client_log.propagate
    client_log.addHandler(listener)
    client_log.propagate = False
    try:
        yield last_error
    finally:
        client_log.removeHandler(listener)
        client_log.propagate = propagate


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
