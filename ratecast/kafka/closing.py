"""Starting and closing aiokafka's clients within a limit, whatever the brokers are doing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = logging.getLogger(__name__)

STOP_LIMIT_SECONDS = 3.0
_START_LIMIT_SECONDS = 1.0
_CANCEL_AGAIN_SECONDS = 0.2


async def uncut(starting: Coroutine[Any, Any, None]) -> None:
    """Run a client's ``start()`` or ``bootstrap()``; cancelled, let it come to its end first, for a second.

    Its first connection belongs to nobody until the broker has described the cluster over it. A client cut off
    there never closes it: it stays open until the garbage collector comes by. Closing the client is still up to
    the caller, however this ends.
    """
    task = asyncio.ensure_future(starting)
    try:
        await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait([task], timeout=_START_LIMIT_SECONDS)
            await _end(task)


async def stop_producer(producer: Any) -> None:
    """Close a producer (an AIOKafkaProducer), at the latest after a few seconds."""
    try:
        await asyncio.wait_for(producer.stop(), STOP_LIMIT_SECONDS)
    except KafkaError as error:
        log.debug("producer closed with %r", error)
    except (TimeoutError, asyncio.CancelledError):
        # An idempotent producer retries its last batch for ever when the broker is away. Without its
        # connections the sender's requests fail, and only then can it end.
        with contextlib.suppress(KafkaError, asyncio.CancelledError):
            await producer.client.close()
        with contextlib.suppress(asyncio.CancelledError):
            await _end(producer._sender.sender_task)  # noqa: SLF001 - stop() does nothing a second time
        if is_cancelled():
            raise asyncio.CancelledError from None


async def _end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task of a client, most often a producer's sender, until it has ended.

    Cancelled once, a sender waits for the requests it has begun, and one that looks for a coordinator waits for
    news of the cluster that a closed client never gets: a chaos run's pipelines stood still on that without a
    word. Cancelled again, it cancels what it waits for.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_AGAIN_SECONDS)
    if task is not None and not task.cancelled():
        task.exception()  # looked at, so that nobody is told it was not


async def stop_consumer(consumer: Any) -> None:
    """Close a consumer (an AIOKafkaConsumer), whatever its fetching is just doing."""
    try:
        await consumer.stop()
    except KafkaError as error:
        log.debug("consumer closed with %r", error)
    except asyncio.CancelledError:
        # With the broker away its fetching pauses before the next try; cut off there, it lets its own
        # cancellation out of stop(), in place of the error that ended us, and stays half open.
        await consumer._client.close()  # noqa: SLF001 - stop() does nothing a second time
        if is_cancelled():
            raise


def is_cancelled() -> bool:
    """Whether somebody asked the current task to end.

    A CancelledError alone does not say so: aiokafka lets the cancellation of its own tasks out of its methods.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
