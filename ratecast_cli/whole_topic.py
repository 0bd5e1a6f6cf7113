"""What commands share that read whole topics: a bar, and the records."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from ratecast_cli import console
from ratecast_cli.progress import reading_bar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from ratecast.contract.record import Record
    from ratecast.settings import Settings


async def whole_topic(settings: Settings, topic: str) -> AsyncGenerator[Sequence[Record]]:
    """The committed records of a topic, a batch at a time, up to the end that it has now; a bar shows how far.

    Close it (``aclosing``), so that the connection does not wait for the garbage collector.
    """
    from ratecast.kafka.reader import open_reader

    read = 0
    with reading_bar(await total_to_read(settings, [topic])) as advance:
        async with (
            open_reader(settings, [topic], from_beginning=True) as reader,
            aclosing(reader.batches(follow=False)) as batches,
        ):
            async for batch in batches:
                yield batch
                read += len(batch)
                advance(read)


async def total_to_read(settings: Settings, topics: list[str]) -> int:
    """How many records a bar is drawn for; not asked for when none is."""
    from ratecast.kafka.reader import record_counts

    return sum((await record_counts(settings, topics)).values()) if console.err.is_terminal else 0
