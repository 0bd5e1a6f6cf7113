"""Detects that no broker answers any more, because fetching alone would wait forever."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.errors import BrokerUnavailableError
from ratecast.kafka.connection_faults import present_fault

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0


class BrokerWatch:
    """Records when a broker last answered one consumer.

    Args:
        settings: the brokers, and how long they may stay silent.
        consumer: a started AIOKafkaConsumer.
    """

    def __init__(self, settings: Settings, consumer: Any) -> None:
        self._settings = settings
        self._consumer = consumer
        self._seen = self._asked = time.monotonic()

    @property
    def reachable(self) -> bool:
        """Whether a broker has answered recently."""
        return time.monotonic() - self._seen < 3 * LIMIT_SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask, because there was no answer and no question for a while."""
        return time.monotonic() - max(self._seen, self._asked) >= LIMIT_SECONDS

    def seen(self) -> None:
        """Record that a broker has answered another request."""
        self._seen = time.monotonic()

    async def check(self) -> set[str] | None:
        """Ask for the names of all topics, and return them; None if no broker answers.

        Raises:
            BrokerUnavailableError: no broker has answered for ``give_up_seconds``.
        """
        self._asked = time.monotonic()
        try:
            topics: set[str] = await asyncio.wait_for(self._consumer.topics(), LIMIT_SECONDS)
        except (KafkaError, OSError, TimeoutError):
            silence = time.monotonic() - self._seen
            fault = await present_fault(self._settings)
            reason = "" if fault is None else f": {fault}"
            log.warning("no broker has answered for %.0f s%s", silence, reason)
            if silence > self._settings.give_up_seconds:
                raise BrokerUnavailableError(
                    f"no broker at {self._settings.bootstrap_servers} has answered for {silence:.0f} s{reason}"
                ) from None
            return None
        self.seen()
        return topics
