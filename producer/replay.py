"""Publishes historical rates to the input topic as if they arrived now.

``python -m producer.replay`` does the same as ``ratecast replay``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from producer.delivery import Outbox
from ratecast.errors import OperationError
from ratecast.kafka.producers import idempotent_producer
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import ensure_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from producer.plan.histories import Plan
    from producer.plan.pace import Pace
    from ratecast.settings import Settings

_NO_HEADERS: list[tuple[str, bytes | None]] = []
_STOP_SECONDS = 10.0  # how long to wait for the brokers after a stop; whoever pressed Ctrl-C is waiting too
_AFTERMATH_SECONDS = 2.0  # how long to wait after a failure for the remaining acknowledgements


@dataclass(frozen=True)
class ReplayProgress:
    """The progress of a replay."""

    sent: int
    delivered: int
    day: str  # the day of the newest message sent


@dataclass(frozen=True)
class ReplaySummary:
    """The result of a replay. The brokers have acknowledged every message in it.

    Attributes:
        topic: the topic published to.
        messages: how many messages were published.
        pairs: how many pairs they belong to.
        first_day: day of the first message, which is the day of its last rate; None if nothing was published.
        last_day: day of the last message.
        laps: how many times the plan was started.
        seconds: time from the first message to the last acknowledgement.
        partitions: partition count of the topic.
        partitions_used: how many partitions received messages.
        resume_from: the day to resume with if the replay was stopped before its end.
    """

    topic: str
    messages: int
    pairs: int
    first_day: str | None
    last_day: str | None
    laps: int
    seconds: float
    partitions: int
    partitions_used: int
    resume_from: str | None

    @property
    def messages_per_second(self) -> float:
        """Messages per second, averaged over the whole replay."""
        return self.messages / self.seconds if self.seconds > 0 else 0.0


async def replay(
    settings: Settings,
    plan: Plan,
    pace: Pace,
    *,
    loop: bool = False,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[ReplayProgress], None] | None = None,
) -> ReplaySummary:
    """Publish a plan, after creating missing topics.

    When ``stop`` is set, the replay finishes the current day without further pauses. Resuming with the day in the
    summary then repeats nothing. If the brokers do not take the rest of the day within ten seconds, it fails.

    Args:
        settings: the brokers and the input topic.
        plan: what to publish.
        pace: how fast.
        loop: start again at the end, until stopped. Message ids stay unique.
        stop: ends the replay early.
        on_progress: called after each group of messages, at most a few hundred times a second.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: messages could not be delivered. The error says how many were, and where to resume.
    """
    topics = await ensure_topics(settings, "replay")
    partitions = next(topic.partitions for topic in topics if topic.name == settings.input_topic)
    async with idempotent_producer(settings) as producer:
        outbox = Outbox(producer, settings.input_topic, partitions, settings.give_up_seconds)
        started = time.monotonic()
        stop = stop or asyncio.Event()
        try:
            sent = await _until_stopped(_send_all(outbox, plan, pace, loop, stop, on_progress), stop)
        except (KafkaError, TimeoutError) as error:
            reason = in_one_line(error, settings, written=[settings.input_topic])
            raise await _undelivered(outbox, plan, reason) from error
        seconds = time.monotonic() - started
    size = len(plan)
    return ReplaySummary(
        topic=settings.input_topic,
        messages=outbox.delivered,
        pairs=len(outbox.keys),
        first_day=plan.day(0) if sent else None,
        last_day=plan.day(min(sent, size) - 1) if sent else None,
        laps=-(-sent // size),
        seconds=seconds,
        partitions=partitions,
        partitions_used=outbox.partitions_used,
        resume_from=None if sent == size and not loop else plan.day(sent % size),
    )


async def _until_stopped(work: Coroutine[Any, Any, int], stop: asyncio.Event) -> int:
    """Return what some work returns. After a stop it has a short time left."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((working,), timeout=_STOP_SECONDS)
        if not working.done():
            raise TimeoutError(f"stopped, and the brokers did not take the rest within {_STOP_SECONDS:g} s")
        return working.result()
    finally:
        for task in (working, stopped):
            task.cancel()
        await asyncio.gather(working, stopped, return_exceptions=True)


async def _send_all(
    outbox: Outbox,
    plan: Plan,
    pace: Pace,
    loop: bool,  # noqa: FBT001 - the public function takes it by name
    stop: asyncio.Event,
    on_progress: Callable[[ReplayProgress], None] | None,
) -> int:
    """Send each message when it is due, and return how many were sent when all are acknowledged."""
    started, sent, size = time.monotonic(), 0, len(plan)
    while loop or sent < size:
        lap, position = divmod(sent, size)
        if stop.is_set():
            # Nothing is left of the day if a lap has just ended.
            count = plan.end_of_day(position) - position
        else:
            count = min(pace.due(time.monotonic() - started, sent), size - position)
        if count:
            messages = plan.messages(position, position + count, lap + 1)
            await outbox.send([(message.key, message.value, _NO_HEADERS) for message in messages], sent)
            sent += count
            if on_progress is not None:
                on_progress(ReplayProgress(sent, outbox.delivered, messages[-1].day))
        if stop.is_set():
            if sent % size == plan.end_of_day(sent % size):
                break
        elif not pace.due(time.monotonic() - started, sent):
            with contextlib.suppress(TimeoutError):
                pause = pace.pause_seconds(time.monotonic() - started, sent)
                await asyncio.wait_for(stop.wait(), pause)
    await outbox.settle()
    return sent


async def _undelivered(outbox: Outbox, plan: Plan, reason: str) -> OperationError:
    """Wait for the remaining acknowledgements, and return the error that reports the failed delivery."""
    with contextlib.suppress(KafkaError, TimeoutError):
        await outbox.settle(_AFTERMATH_SECONDS)
    day = plan.day(outbox.first_undelivered % len(plan))
    return OperationError(
        f"{outbox.delivered:,} messages were delivered, then an error occurred: {reason}; resume with --from {day}"
    )


if __name__ == "__main__":
    # The command line may import this package but not the reverse, so it is started by its name.
    import runpy
    import sys

    sys.argv[1:1] = ["replay"]
    runpy.run_module("ratecast_cli", run_name="__main__", alter_sys=True)
