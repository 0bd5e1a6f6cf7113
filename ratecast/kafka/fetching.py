"""Brokers that answer an empty fetch at once are not asked again at once.

Apache Kafka holds an empty fetch for ``fetch_max_wait_ms``. The embedded broker does not, and a consumer with nothing
to read then asks it thousands of times a second, at the price of half a core on either side.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

_AT_ONCE_SECONDS = 0.05  # far under the half second for which a broker should hold it
_PAUSE_SECONDS = 0.005  # what a record may wait longer for it


def pace_empty_fetches(consumer: Any) -> None:
    """Have a started consumer (an AIOKafkaConsumer) pause after an empty answer that came at once."""
    fetcher = consumer._fetcher  # noqa: SLF001 - the client has no setting for it
    fetch = fetcher._proc_fetch_request  # noqa: SLF001

    async def paced(*request: Any) -> bool:
        asked = time.monotonic()
        has_records = bool(await fetch(*request))
        if not has_records and time.monotonic() - asked < _AT_ONCE_SECONDS:
            with contextlib.suppress(asyncio.CancelledError):  # as the method itself does
                await asyncio.sleep(_PAUSE_SECONDS)
        return has_records

    fetcher._proc_fetch_request = paced  # noqa: SLF001
