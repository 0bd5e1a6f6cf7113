"""Reports whether the group accepts this worker, and the error if it does not.

aiokafka raises an error of the group coordinator only at the next poll. A worker that waits for partitions does not
poll, so it would never learn that its join was rejected. This module asks aiokafka for the error.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.errors import JoinRefusedError
from ratecast.kafka.aiokafka_seams import raise_group_error
from ratecast.kafka.broker_errors import is_fenced_instance
from ratecast.kafka.rights import in_one_line

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_LOG_EVERY_SECONDS = 60.0
_FIRST_BACKOFF_SECONDS = 1.0
_MOST_BACKOFF_SECONDS = 15.0
_FORGET_SECONDS = 60.0


class Membership:
    """Follows the group membership of one consumer.

    Args:
        settings: the group, and how long it may reject the worker.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._joining_since: float | None = None
        self._refused_since: float | None = None
        self._refused_at = 0.0
        self._refusals = 0
        self._retry_at = 0.0
        self._log_at = 0.0
        # The latest error in one line; None while the group accepts the worker.
        self.refusal: str | None = None

    @property
    def joined(self) -> bool:
        """Whether the group has assigned this worker its partitions, which may be none."""
        return self._joining_since is None

    @property
    def joining_seconds(self) -> float:
        """How long the worker has been waiting for partitions; 0 if it has joined."""
        return 0.0 if self._joining_since is None else time.monotonic() - self._joining_since

    def began_joining(self) -> None:
        """Record that the worker waits for partitions: it has started, or a rebalance has begun."""
        self._joining_since = time.monotonic()
        self._log_at = self._joining_since + _LOG_EVERY_SECONDS

    def assigned(self) -> None:
        """Record that the group has assigned partitions."""
        if self.refusal is not None:
            log.info("group %s has accepted this worker", self._settings.group_id)
        self._joining_since = None
        self._forget()

    def _forget(self) -> None:
        self._refused_since = self.refusal = None
        self._refusals = 0

    def check(self, consumer: Any) -> None:
        """Log an error of the coordinator and let the client retry. Call this about once a second.

        Args:
            consumer: an AIOKafkaConsumer that has subscribed.

        Raises:
            JoinRefusedError: the group has rejected the worker for ``give_up_seconds``, or another process has its name.
        """
        now = time.monotonic()
        if now >= self._retry_at:
            try:
                # This makes the client retry, so it is done only after the pause.
                raise_group_error(consumer)
            except KafkaError as error:
                self.refused(error)
            else:
                if self.refusal is not None and now - self._refused_at > _FORGET_SECONDS:
                    self._forget()  # the client has recovered without a new join, or waits for the other members
        if self._joining_since is not None and now >= self._log_at:
            self._log_at = now + _LOG_EVERY_SECONDS
            log.warning(
                "still waiting to join group %s after %.0f s%s",
                *(self._settings.group_id, self.joining_seconds),
                f": {self.refusal}" if self.refusal else "",
            )

    def refused(self, error: KafkaError) -> None:
        """Record that the coordinator rejected or removed this worker.

        Raises:
            JoinRefusedError: it has done so for ``give_up_seconds``, or another process has taken this worker's name.
        """
        if is_fenced_instance(error):
            # A retry would fence the other process, which would fence this one.
            raise JoinRefusedError(
                f"another process has joined group {self._settings.group_id} as {self._settings.group_instance_id}: "
                "give each worker a RATECAST_GROUP_INSTANCE_ID of its own"
            )
        now = time.monotonic()
        self._refused_at = now
        if self._refused_since is None:
            self._refused_since = now
        self._refusals += 1
        line = f"cannot join group {self._settings.group_id}: {in_one_line(error, self._settings)}"
        if line != self.refusal:
            log.error("%s; retrying for up to %g s", line, self._settings.give_up_seconds)
        self.refusal = line
        if now - self._refused_since >= self._settings.give_up_seconds:
            raise JoinRefusedError(f"{line} (rejected for {now - self._refused_since:.0f} s)")
        pause = min(_MOST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** min(self._refusals - 1, 10))
        self._retry_at = now + min(pause, self._refused_since + self._settings.give_up_seconds - now)
