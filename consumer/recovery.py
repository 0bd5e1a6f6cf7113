"""How long a partition that fails is tried again, and when its worker must end."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from consumer.unreadable_batches import UnreadableBatchError
from ratecast.errors import OperationError
from ratecast.kafka.broker_errors import with_remedy

if TYPE_CHECKING:
    from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

_MOST_PAUSE_SECONDS = 5.0
_SAY_AGAIN_SECONDS = 60.0


class Recovery:
    """The failures of one partition in a row.

    Args:
        name: the partition's, for messages.
        give_up_seconds: how long failures are tried again.
    """

    def __init__(self, name: str, give_up_seconds: float) -> None:
        self._name = name
        self._give_up_seconds = give_up_seconds
        self._failures = 0
        self._since: float | None = None
        self._say_again_at = 0.0
        self.blocked: str | None = None  # why this partition stands still while others go on

    def succeeded(self) -> None:
        """A batch is done, or there is nothing to do: what failed before counts no longer."""
        self._failures, self._since, self.blocked = 0, None, None

    def failed(self, error: KafkaError) -> float:
        """Note a failure; returns the seconds to wait before the next try.

        Raises:
            OperationError: it has been failing for longer than ``give_up_seconds``. Not for a batch that cannot be
                read: to end the worker would stop its healthy partitions too, and the next one would end likewise.
        """
        now = time.monotonic()
        self._since = self._since or now
        self._failures += 1
        text = with_remedy(error)
        pause = min(_MOST_PAUSE_SECONDS, 0.1 * 2.0 ** min(self._failures, 6))
        if isinstance(error, UnreadableBatchError):
            self.blocked = str(error.args[0])
            if now >= self._say_again_at:
                self._say_again_at = now + _SAY_AGAIN_SECONDS
                log.error("%s; this partition waits, the others go on", self.blocked)
            return pause
        if now - self._since > self._give_up_seconds:
            raise OperationError(
                f"{self._name} failed for {self._give_up_seconds:g} s, last: {text}"
            ) from error
        log.warning("%s: %s; starting over from the committed offset", self._name, text)
        return pause
