"""A clock that stands still while a feed works, and jumps to the next moment when all feeds wait."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from typing import Any

_DEADLINE_SECONDS = 40.0


class SpedUpClock:
    """The clock of some feeds in one process.

    Args:
        start: the present at first.
        feeds: how many feeds wait by this clock.
    """

    def __init__(self, start: dt.datetime, feeds: int = 1) -> None:
        self._now = start
        self.feeds = feeds
        self._waiting: dict[int, tuple[dt.datetime, asyncio.Event]] = {}

    def now(self) -> dt.datetime:
        return self._now

    async def wait_until(self, moment: dt.datetime, stop: asyncio.Event) -> None:
        released = asyncio.Event()
        self._waiting[id(released)] = moment, released
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(e.wait()) for e in (released, stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(id(released), None)
            for task in waits:
                task.cancel()

    async def all_wait(self, *tasks: asyncio.Task[Any]) -> None:
        """Return when all feeds wait; raise what ended one of these tasks."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while len(self._waiting) < self.feeds:
            for task in tasks:
                if task.done():
                    task.result()
            assert time.monotonic() < deadline, "a feed does not wait"
            await asyncio.sleep(0.005)

    async def go_to(self, text: str, *tasks: asyncio.Task[Any]) -> None:
        """Let all moments up to a UTC time pass, those of several feeds at the same time."""
        end = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        await self.all_wait(*tasks)
        while (first := min(moment for moment, _ in self._waiting.values())) <= end:
            self._now = max(self._now, first)
            for key, (moment, released) in list(self._waiting.items()):
                if moment <= self._now:
                    del self._waiting[key]
                    released.set()
            with contextlib.suppress(ValueError):
                await self.all_wait(*tasks)
        self._now = end
