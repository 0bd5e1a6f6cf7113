"""Decides how long a failing partition is retried, and when its worker must stop."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from consumer.undecided_offsets import LONGEST_SECONDS, UndecidedOffsetError
from consumer.unreadable_batches import UnreadableBatchError
from ratecast.errors import OperationError
from ratecast.kafka.broker_errors import with_remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

_MOST_PAUSE_SECONDS = 5.0
_LOG_AGAIN_SECONDS = 60.0
_DECISION_PAUSE_SECONDS = 1.0


class Recovery:
    """Tracks the consecutive failures of one partition.

    Args:
        name: The partition's name, for messages.
        give_up_seconds: How long to retry.
        in_one_line: Returns an error in words.
        fields: The partition as fields of log records.
    """

    def __init__(
        self,
        name: str,
        give_up_seconds: float,
        in_one_line: Callable[[KafkaError], str] = with_remedy,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._fields = fields
        self._give_up_seconds = give_up_seconds
        self._in_one_line = in_one_line
        self._failures = 0
        self._since: float | None = None
        self._log_again_at = 0.0
        self._waiting_since: float | None = None
        self.waiting: str | None = None  # the decision of the brokers that this partition waits for
        self.blocked: str | None = None  # why this partition is stopped at an unreadable batch

    def succeeded(self) -> None:
        """Forget earlier failures: a batch was committed, or there is nothing to do."""
        self._failures, self._since, self.blocked = 0, None, None
        self._waiting_since = self.waiting = None

    def failed(self, error: KafkaError) -> float:
        """Record a failure and return the seconds to wait before the next retry.

        Raises:
            OperationError: The partition has failed for longer than ``give_up_seconds``. Not raised for an unreadable
                batch, or while the brokers have an open transaction to end: stopping the worker would stop its healthy
                partitions, and the next worker would stop as well.
        """
        now = time.monotonic()
        if isinstance(error, UndecidedOffsetError) and self._waits(error, now):
            return _DECISION_PAUSE_SECONDS
        self.waiting = None
        self._since = self._since or now
        self._failures += 1
        text = self._in_one_line(error)
        pause = min(_MOST_PAUSE_SECONDS, 0.1 * 2.0 ** min(self._failures, 6))
        if isinstance(error, UnreadableBatchError):
            self.blocked = str(error.args[0])
            if now >= self._log_again_at:
                self._log_again_at = now + _LOG_AGAIN_SECONDS
                line = "%s. This partition waits; the others continue"
                log.error(line, self.blocked, extra=self._fields)
            return pause
        if now - self._since > self._give_up_seconds:
            raise OperationError(
                f"{self._name} failed for {self._give_up_seconds:g} s, last: {text}"
            ) from error
        log.warning("%s: %s; retrying from the committed offset", self._name, text, extra=self._fields)
        return pause

    def _waits(self, error: UndecidedOffsetError, now: float) -> bool:
        """Return whether the brokers may still be about to end a transaction. Waiting for them is no failure."""
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since > LONGEST_SECONDS:
            return False  # no broker lets a transaction stay open for so long
        self._failures, self._since = 0, None
        if self.waiting is None or now >= self._log_again_at:
            self._log_again_at = now + _LOG_AGAIN_SECONDS
            log.warning("%s. This partition waits; the others continue", error.args[0], extra=self._fields)
        self.waiting = str(error.args[0])
        return True
