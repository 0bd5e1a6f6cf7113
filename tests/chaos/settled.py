"""Waits until every input has its outcome."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ratecast.kafka.audit import audit

if TYPE_CHECKING:
    from ratecast.kafka.audit_result import Audit
    from ratecast.settings import Settings

_LIMIT_SECONDS = 150.0


async def settled(settings: Settings) -> Audit:
    """The audit once every input has an outcome, or when that no longer happens."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        counted = await audit(settings)
        if counted.exactly_once or counted.duplicated or time.monotonic() > deadline:
            return counted
        await asyncio.sleep(1)
