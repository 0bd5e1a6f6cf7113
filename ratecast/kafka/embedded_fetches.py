"""Keeps consumers from flooding the embedded broker with fetch requests. Never active with any other broker.

A broker should hold a fetch request for ``fetch_max_wait_ms`` while there is nothing to read, and Apache Kafka does.
The embedded broker (noida-db 0.2.3) answers at once. An idle consumer then sends it thousands of requests a second and
costs half a core on each side.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from ratecast.kafka.aiokafka_seams import consumer_client, replace_fetch
from ratecast.kafka.client import wire_client

if TYPE_CHECKING:
    from ratecast.kafka.aiokafka_seams import FetchOnce
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

# The embedded broker reports this cluster id in every Metadata response, whatever its data directory. Apache Kafka's
# is the 22-character base64 text of 16 random bytes; this one has 20 characters, so no UUID gives it.
EMBEDDED_CLUSTER_ID = "MkU3OEVBNTctOEUyRi00"
_AT_ONCE_SECONDS = 0.05  # far below the half second for which a broker should hold the request
_PAUSE_SECONDS = 0.005  # how much longer a record may wait because of the pause


async def pace_on_embedded_broker(consumer: Any) -> None:
    """If a started AIOKafkaConsumer reads from the embedded broker, make it pause after an empty, immediate response.

    Consumers of all other brokers stay as they are. So does this one if the broker does not answer.
    """
    if await _cluster_id(consumer_client(consumer)) == EMBEDDED_CLUSTER_ID:
        replace_fetch(consumer, _paced)


async def is_embedded(settings: Settings) -> bool:
    """Return whether the brokers of the settings are the embedded broker; False if none answers.

    A reader that commits nothing must know it. In each response the embedded broker names all transactions that a producer
    ever aborted, also those before the offset that was asked for. aiokafka then takes what the producer has committed since
    for aborted. Only who reads from the beginning, and meets the marker of each abort, sees every committed record.
    """
    try:
        async with wire_client(settings) as client:
            return await _cluster_id(client) == EMBEDDED_CLUSTER_ID
    except (KafkaError, OSError) as error:
        log.debug("the cluster id cannot be read: %r", error)
        return False


async def _cluster_id(client: Any) -> str | None:
    """The id by which the cluster identifies itself; None if the broker gives none or does not answer."""
    try:
        # Without topics, the smallest request there is. aiokafka sends one too, but does not keep the cluster id.
        response = await client.send(client.get_random_node(), MetadataRequest([]))
    except KafkaError as error:
        log.debug("the cluster id cannot be read: %r", error)
        return None
    return getattr(response, "cluster_id", None)  # absent before version 2 of the response (Kafka 0.10.1)


def _paced(fetch: FetchOnce) -> FetchOnce:
    async def paced(*request: Any) -> bool:
        started = time.monotonic()
        has_records = bool(await fetch(*request))
        if not has_records and time.monotonic() - started < _AT_ONCE_SECONDS:
            with contextlib.suppress(asyncio.CancelledError):  # the original method suppresses it as well
                await asyncio.sleep(_PAUSE_SECONDS)
        return has_records

    return paced
