"""Starts and closes aiokafka's clients within a time limit, even while the brokers are unreachable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.kafka.aiokafka_seams import consumer_client, sender_task

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = logging.getLogger(__name__)

STOP_LIMIT_SECONDS = 3.0
_START_LIMIT_SECONDS = 1.0
_CANCEL_AGAIN_SECONDS = 0.2


async def shielded_start(starting: Coroutine[Any, Any, None]) -> None:
    """Run a client's ``start()`` or ``bootstrap()``; if cancelled, let it finish first, for up to a second.

    Until the broker has described the cluster, the client does not keep track of its first connection. A client that
    is cancelled before that never closes it, and it stays open until the garbage collector runs. The caller must
    close the client, however this ends.
    """
    task = asyncio.ensure_future(starting)
    try:
        await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait([task], timeout=_START_LIMIT_SECONDS)
            await _cancel(task)


async def stop_producer(producer: Any) -> None:
    """Close an AIOKafkaProducer within a few seconds."""
    try:
        await asyncio.wait_for(producer.stop(), STOP_LIMIT_SECONDS)
    except KafkaError as error:
        log.debug("the producer was closed with the error %r", error)
    except (TimeoutError, asyncio.CancelledError):
        # While no broker is reachable an idempotent producer retries its last batch forever. Once its connections
        # are closed the sender's requests fail, and it can be cancelled.
        with contextlib.suppress(KafkaError, asyncio.CancelledError):
            await producer.client.close()
        with contextlib.suppress(asyncio.CancelledError):
            await _cancel(sender_task(producer))
        if is_cancelled():
            raise asyncio.CancelledError from None


async def _cancel(task: asyncio.Task[None] | None) -> None:
    """Cancel a task of a client, again and again until it has ended.

    After one cancellation a producer's sender waits for the requests it has sent, and a sender that looks for a
    coordinator waits for metadata that a closed client never receives. This has blocked pipelines in a chaos run. A
    second cancellation also cancels what the sender waits for.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_AGAIN_SECONDS)
    if task is not None and not task.cancelled():
        task.exception()  # otherwise asyncio logs that the exception was never retrieved


async def stop_consumer(consumer: Any) -> None:
    """Close an AIOKafkaConsumer, even in the middle of a fetch."""
    try:
        await consumer.stop()
    except KafkaError as error:
        log.debug("the consumer was closed with the error %r", error)
    except asyncio.CancelledError:
        # While no broker is reachable the fetcher pauses before each retry. stop() cancels that pause and may then
        # raise the CancelledError itself. It would hide the error that made us stop, and leave the client open.
        await consumer_client(consumer).close()
        if is_cancelled():
            raise


def is_cancelled() -> bool:
    """Returns whether the current task was asked to end.

    A CancelledError alone does not show that, because aiokafka's methods also raise it when aiokafka cancels one of
    its own tasks.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
