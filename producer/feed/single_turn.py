"""One turn of a feed for ``ratecast feed --once`` and ``--dry-run``: it publishes what is there, or only says what it would."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from producer.feed.feed_work import is_wrong_use
from producer.feed.source import SourceUnavailableError
from ratecast.errors import FencedError, OperationError, UsageError
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import ensure_topics

if TYPE_CHECKING:
    import datetime as dt

    from producer.feed.feed_work import FeedWork
    from producer.feed.next_histories import NextMessage
    from ratecast.rates.left_out import LeftOut

_ATTEMPTS = 10
_LONGEST_PAUSE_SECONDS = 2.0  # random, so that two feeds do not fence each other again and again


@dataclass(frozen=True)
class Turn:
    """The result of a turn.

    Attributes:
        messages: what was published, or would be.
        held: suspicious rates that are not among them.
        missing_day: the newest day whose rates are due and not all published; None if there is none.
    """

    messages: tuple[NextMessage, ...]
    held: tuple[LeftOut, ...]
    missing_day: dt.date | None


async def take_turn(work: FeedWork, *, dry_run: bool) -> Turn:
    """Poll the source once, and publish what the topic lacks.

    Args:
        work: the parts of the feed. Its source is closed at the end.
        dry_run: publish nothing, and create no topic.

    Raises:
        UsageError: the source cannot be used, or lacks a pair.
        OperationError: the source or the brokers failed.
    """
    try:
        if not dry_run:
            await ensure_topics(work.settings)
        await work.read_topic()
        await work.poll()
        work.check_pairs()
        plan = await work.plan_with_revisions()
        messages = plan.messages if dry_run else tuple(await _publish(work))
        return Turn(messages, plan.held, work.missing_day())
    except KafkaError as error:
        raise OperationError(f"Kafka: {in_one_line(error, work.settings)}") from error
    except SourceUnavailableError as error:
        raise (UsageError if is_wrong_use(error) else OperationError)(str(error)) from None
    finally:
        await work.source.close()


async def _publish(work: FeedWork) -> list[NextMessage]:
    for _ in range(_ATTEMPTS):
        try:
            return await work.publish(asyncio.Event())
        except FencedError:
            await asyncio.sleep(random.uniform(0.1, _LONGEST_PAUSE_SECONDS))  # noqa: S311
    raise OperationError(
        f"other feeds of {work.source.name} publish to {work.settings.input_topic} all the time: stop all but two of them"
    )
