"""How every program reaches the brokers: security, a patient connect, and the three topics."""

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
from ratecast.kafka.closing import uncut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from ratecast.settings import Settings

log = logging.getLogger(__name__)


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client of ours takes: addresses and security.

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
    """Start a client, trying again with growing random pauses while no broker answers.

    Raises:
        BrokerUnavailableError: none answered within ``connect_timeout_seconds``.
    """
    limit = settings.connect_timeout_seconds
    with _held_back_log() as said:
        await _connect(start, settings, limit, said)


async def _connect(
    start: Callable[[], Awaitable[object]], settings: Settings, limit: float, said: list[str]
) -> None:
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((KafkaConnectionError, OSError)),
            stop=stop_after_delay(limit),
            wait=wait_random_exponential(multiplier=0.25, max=5),
            reraise=True,
        ):
            with attempt:
                if attempt.retry_state.attempt_number == 2:
                    log.warning("no broker at %s yet, trying for %g s", settings.bootstrap_servers, limit)
                await start()
    except (KafkaConnectionError, OSError):
        # TLS or a login that fails looks like an absent broker; only the client's log tells which it was.
        reason = f" (the client: {said[-1]})" if said and settings.security_protocol != "PLAINTEXT" else ""
        raise BrokerUnavailableError(
            f"no broker at {settings.bootstrap_servers} after {limit:g} s{reason}: "
            "start one with `ratecast broker`, or set RATECAST_BOOTSTRAP_SERVERS"
        ) from None


@contextmanager
def _held_back_log() -> Iterator[list[str]]:
    """Within the block the client's log goes to the list: it would say at every try what is said once."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said[:] = [record.getMessage()]

    client_log, listener = logging.getLogger("aiokafka"), Listener(logging.ERROR)
    propagate = client_log.propagate
    client_log.addHandler(listener)
    client_log.propagate = False
    try:
        yield said
    finally:
        client_log.removeHandler(listener)
        client_log.propagate = propagate


async def started(
    make: Callable[[], Any], close: Callable[[Any], Awaitable[object]], settings: Settings
) -> Any:
    """A client that is connected: made anew for each try, closed when a try fails.

    Args:
        make: makes an aiokafka client; one that has failed to start cannot be started again.
        close: closes it.
        settings: how long to try.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    clients: list[Any] = []

    async def start() -> None:
        client = make()
        try:
            await uncut(client.start())
        except BaseException:
            await close(client)
            raise
        clients.append(client)

    await connect(start, settings)
    return clients[0]


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[Any]:
    """A connected admin client, closed at the end.

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
    """A client for single requests that no other client of aiokafka sends; closed at the end. It tries once.

    Raises:
        KafkaConnectionError: no broker answered.
    """
    client = AIOKafkaClient(**client_options(settings))
    try:
        await uncut(client.bootstrap())
        yield client
    finally:
        await client.close()
