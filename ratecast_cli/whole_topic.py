"""Reading a whole topic, with a progress bar."""

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
    """Yields the committed records of a topic in batches, up to its present end; a bar shows the progress.

    Close the generator (``aclosing``), so that the connection does not stay open until garbage collection.
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
    """Returns how many records there are, for a progress bar; 0 without a query if no bar is shown."""
    from ratecast.kafka.reader import record_counts

    return sum((await record_counts(settings, topics)).values()) if console.err.is_terminal else 0
