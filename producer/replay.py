"""Historical rates on the input topic, as if they came in now.

Run as ``python -m producer.replay``, the same as ``ratecast replay``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from producer.delivery import Outbox, idempotent_producer
from ratecast.errors import OperationError
from ratecast.kafka.topics import ensure_topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from producer.plan.histories import Plan
    from producer.plan.pace import Pace
    from ratecast.settings import Settings

_AFTERMATH_SECONDS = 2.0  # after a failure: for what is still on its way


@dataclass(frozen=True)
class ReplayProgress:
    """How far a replay is."""

    sent: int
    delivered: int
    day: str  # of the newest message sent


@dataclass(frozen=True)
class ReplaySummary:
    """What a replay has published; every message in it is acknowledged by the brokers.

    Attributes:
        topic: where to.
        messages: how many.
        pairs: of how many pairs.
        first_day: of the oldest last rate; None when nothing was published.
        last_day: of the newest.
        laps: how many times the plan was begun.
        seconds: from the first message to the last acknowledgement.
        partitions: how many partitions the topic has.
        partitions_used: how many of them got messages.
        resume_from: the day with which to go on, when it was stopped before its end.
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
        """Mean rate over the whole replay."""
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
    """Publish a plan; topics are created when they are missing.

    Once ``stop`` is set, the day begun is finished without further pauses, so that resuming with the day
    named in the summary repeats nothing.

    Args:
        settings: the brokers and the input topic.
        plan: what to publish.
        pace: how fast.
        loop: begin again at the end, until stopped; message ids stay unique.
        stop: ends the replay early.
        on_progress: called after each hand-over, at most some hundred times a second.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: messages could not be delivered; it names how many were and where to resume.
    """
    topics = await ensure_topics(settings)
    partitions = next(topic.partitions for topic in topics if topic.name == settings.input_topic)
    async with idempotent_producer(settings) as producer:
        outbox = Outbox(producer, settings.input_topic, partitions, settings.give_up_seconds)
        started = time.monotonic()
        try:
            sent = await _send_all(outbox, plan, pace, loop, stop or asyncio.Event(), on_progress)
            await outbox.settle()
        except (KafkaError, TimeoutError) as error:
            raise await _undelivered(outbox, plan, error) from error
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


async def _send_all(
    outbox: Outbox,
    plan: Plan,
    pace: Pace,
    loop: bool,  # noqa: FBT001 - passed on by name above
    stop: asyncio.Event,
    on_progress: Callable[[ReplayProgress], None] | None,
) -> int:
    """Hand over what is due when it is due; returns how many messages that were."""
    started, sent, size = time.monotonic(), 0, len(plan)
    while loop or sent < size:
        lap, position = divmod(sent, size)
        if stop.is_set():
            # A lap just completed has no day begun.
            count = plan.end_of_day(position) - position
        else:
            count = min(pace.due(time.monotonic() - started, sent), size - position)
        if count:
            messages = plan.messages(position, position + count, lap + 1)
            await outbox.send(messages, sent)
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
    return sent


async def _undelivered(outbox: Outbox, plan: Plan, error: Exception) -> OperationError:
    """What to say about a failed delivery, once it is known what else arrived."""
    with contextlib.suppress(KafkaError, TimeoutError):
        await outbox.settle(_AFTERMATH_SECONDS)
    day = plan.day(outbox.first_undelivered % len(plan))
    reason = str(error) or type(error).__name__
    return OperationError(
        f"{outbox.delivered:,} messages delivered, then: {reason}; resume with --from {day}"
    )


if __name__ == "__main__":
    # The command line stands above this package: hand over to it.
    import runpy
    import sys

    sys.argv[1:1] = ["replay"]
    runpy.run_module("ratecast_cli", run_name="__main__", alter_sys=True)
