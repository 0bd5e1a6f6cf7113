"""Publishes the messages of a day in one transaction, and fences every other feed of the same source and topic."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
)

from producer.delivery import Outbox
from producer.feed.published_rates import SOURCE_HEADER
from ratecast.errors import BrokerUnavailableError, FencedError, OperationError
from ratecast.kafka.aiokafka_seams import forgotten_futures
from ratecast.kafka.client import client_options, started
from ratecast.kafka.closing import stop_producer
from ratecast.kafka.rights import Operation, in_one_line, lacks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from producer.feed.next_histories import NextMessage
    from ratecast.settings import Settings

_COORDINATOR_SECONDS = 30.0  # beyond the time for reaching a broker at all
# For a transaction. Afterwards it is unknown whether it was committed, and the topic is read again.
_LIMIT_SECONDS = 30.0


class FeedTransactions:
    """Publishes with one transactional id for each input topic and source; made by `open_transactions`.

    Args:
        settings: the brokers and the topic.
        source: name of the source.
        producer: a started transactional AIOKafkaProducer.
    """

    def __init__(self, settings: Settings, source: str, producer: Any) -> None:
        self._settings = settings
        self._topic = settings.input_topic
        self._header: list[tuple[str, bytes | None]] = [(SOURCE_HEADER, source.encode())]
        self._producer = producer

    async def publish(self, messages: Sequence[NextMessage]) -> None:
        """Publish messages in one transaction.

        Raises:
            FencedError: another feed of this source has started to publish since.
            OperationError: it failed, or it is unknown whether it did. Read the topic before trying again.
        """
        records = [(message.pair.encode(), message.value, self._header) for message in messages]
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                partitions = len(await self._producer.partitions_for(self._topic))
                await self._producer.begin_transaction()
                outbox = Outbox(self._producer, self._topic, partitions, _LIMIT_SECONDS)
                await outbox.send(records, 0)
                await outbox.settle()
                await self._producer.commit_transaction()
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError("another feed of this source publishes to the same topic") from error
        except (KafkaError, TimeoutError) as error:
            raise OperationError(f"{self._topic}: {_in_words(error, self._settings)}") from error


def transactional_id(settings: Settings, source: str) -> str:
    """Return the transactional id that all feeds of a source to a topic share."""
    return f"ratecast-feed-{settings.input_topic}-{source}"


@asynccontextmanager
async def open_transactions(settings: Settings, source: str) -> AsyncIterator[FeedTransactions]:
    """Open a transactional producer, and close it on exit.

    Its start aborts what another feed of this source has begun, and fences that feed. What it committed before is visible
    from then on: the coordinator answers only when the markers of the last transaction are written (KIP-98).

    Raises:
        BrokerUnavailableError: no broker answered.
        FencedError: another feed started at the same time.
        OperationError: the brokers refuse it.
    """
    identity = transactional_id(settings, source)
    try:
        async with asyncio.timeout(settings.connect_timeout_seconds + _COORDINATOR_SECONDS):
            producer = await started(
                lambda: AIOKafkaProducer(
                    **client_options(settings),
                    transactional_id=identity,
                    transaction_timeout_ms=settings.transaction_timeout_ms,
                    enable_idempotence=True,
                    acks="all",
                    max_batch_size=settings.publish_batch_bytes,
                ),
                stop_producer,
                settings,
            )
    except TimeoutError:
        raise BrokerUnavailableError(
            f"no coordinator of transactions at {settings.bootstrap_servers} has answered for {_COORDINATOR_SECONDS:g} s"
        ) from None
    except TransactionalIdAuthorizationFailed:
        raise OperationError(lacks(settings, Operation.WRITE, "transactional id", identity)) from None
    except (ProducerFenced, InvalidProducerEpoch) as error:
        raise FencedError("another feed of this source started at the same time") from error
    except KafkaError as error:
        raise OperationError(f"the feed cannot publish: {_in_words(error, settings)}") from error
    try:
        yield FeedTransactions(settings, source, producer)
    finally:
        await stop_producer(producer)
        _retrieve_errors(producer)


def _retrieve_errors(producer: Any) -> None:
    """Retrieve the errors of a fenced producer; `FeedTransactions.publish` has reported them."""
    for future in forgotten_futures(producer):
        if future.done() and not future.cancelled():
            future.exception()


def _in_words(error: Exception, settings: Settings) -> str:
    if isinstance(error, TimeoutError):
        return f"no broker has committed the transaction within {_LIMIT_SECONDS:g} s"
    return in_one_line(error, settings, written=(settings.input_topic,))
