"""Does a broker still answer? Asked beside all fetching, which alone would wait for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0


class BrokerWatch:
    """Watches the brokers of one client.

    Args:
        settings: where they are, and how long to wait for them.
        consumer: a started AIOKafkaConsumer.
    """

    def __init__(self, settings: Settings, consumer: Any) -> None:
        self._settings = settings
        self._consumer = consumer
        self._seen = self._asked = time.monotonic()

    @property
    def reachable(self) -> bool:
        """Whether one has answered of late."""
        return time.monotonic() - self._seen < 3 * LIMIT_SECONDS

    @property
    def is_due(self) -> bool:
        """Whether nothing was heard or asked for so long that it is time to ask."""
        return time.monotonic() - max(self._seen, self._asked) >= LIMIT_SECONDS

    def seen(self) -> None:
        """A broker has answered something else."""
        self._seen = time.monotonic()

    async def check(self) -> set[str] | None:
        """Ask; returns the topics that there are, None without an answer.

        Raises:
            BrokerUnavailableError: none has answered for ``give_up_seconds``.
        """
        self._asked = time.monotonic()
        try:
            topics: set[str] = await asyncio.wait_for(self._consumer.topics(), LIMIT_SECONDS)
        except (KafkaError, OSError, TimeoutError):
            silence = time.monotonic() - self._seen
            log.warning("no broker has answered for %.0f s", silence)
            if silence > self._settings.give_up_seconds:
                raise BrokerUnavailableError(
                    f"no broker at {self._settings.bootstrap_servers} for {silence:.0f} s"
                ) from None
            return None
        self.seen()
        return topics
