"""The clock of a feed, which a test may replace."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import Protocol

_LOOK_AGAIN_SECONDS = (
    30.0  # a computer that slept, or whose clock was set, must not wait for hours that have passed
)


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> dt.datetime:
        """Return the present, with a time zone."""

    async def wait_until(self, moment: dt.datetime, stop: asyncio.Event) -> None:
        """Return at a moment, or earlier when ``stop`` is set."""


class SystemClock:
    """The clock of this computer."""

    def now(self) -> dt.datetime:
        """Return the present in UTC."""
        return dt.datetime.now(dt.UTC)

    async def wait_until(self, moment: dt.datetime, stop: asyncio.Event) -> None:
        """Return at a moment of this clock, or earlier when ``stop`` is set."""
        while not stop.is_set() and (left := (moment - self.now()).total_seconds()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(left, _LOOK_AGAIN_SECONDS))
