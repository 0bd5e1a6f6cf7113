"""Reads dated rates back from the whole input topic."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from ratecast.kafka.reader import open_reader
from ratecast.rates.gathered import Gatherer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratecast.rates.gathered import TopicRates
    from ratecast.settings import Settings


async def gather(
    settings: Settings, default_pair: str, on_progress: Callable[[int], None] | None = None
) -> TopicRates:
    """Read all committed messages of the input topic, and return the rates in them.

    Args:
        settings: the brokers and the topic.
        default_pair: pair of the messages that do not name one.
        on_progress: called after each batch with the number of messages read so far.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist or cannot be read.
    """
    gatherer = Gatherer(default_pair, settings.max_message_bytes)
    read = 0
    async with (
        open_reader(settings, [settings.input_topic], from_beginning=True) as reader,
        aclosing(reader.batches(follow=False)) as batches,
    ):
        async for batch in batches:
            gatherer.add(batch)
            read += len(batch)
            if on_progress is not None:
                on_progress(read)
    return gatherer.result()
