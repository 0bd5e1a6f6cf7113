"""Whether the group lets this worker in, and why not.

aiokafka keeps what the group's coordinator answers for whoever polls next, and a worker that waits for partitions polls
nothing: a join that is refused would never be heard of. Here it is asked for.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ratecast.errors import JoinRefusedError
from ratecast.kafka.broker_errors import with_remedy

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_SAY_AGAIN_SECONDS = 60.0
_FIRST_BACKOFF_SECONDS = 1.0
_MOST_BACKOFF_SECONDS = 15.0
_FORGET_SECONDS = 60.0


class Membership:
    """Watches one consumer's membership.

    Args:
        settings: the group and limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._joining_since: float | None = None
        self._refused_since: float | None = None
        self._refused_at = 0.0
        self._refusals = 0
        self._ask_again_at = 0.0
        self._say_again_at = 0.0
        self.refusal: str | None = None  # the latest, in one line, while it stands

    @property
    def joined(self) -> bool:
        """Whether the group has given this worker its share, which may be nothing."""
        return self._joining_since is None

    @property
    def joining_seconds(self) -> float:
        """How long it has been waiting for partitions; 0 when it is in."""
        return 0.0 if self._joining_since is None else time.monotonic() - self._joining_since

    def began_joining(self) -> None:
        """It asks to be let in, or the group shares its partitions anew."""
        self._joining_since = time.monotonic()
        self._say_again_at = self._joining_since + _SAY_AGAIN_SECONDS

    def assigned(self) -> None:
        """The group let it in."""
        if self.refusal is not None:
            log.info("group %s has let this worker in", self._settings.group_id)
        self._joining_since = None
        self._forget()

    def _forget(self) -> None:
        self._refused_since = self.refusal = None
        self._refusals = 0

    def check(self, consumer: Any) -> None:
        """Hear what the coordinator answered, say it, let the client try again; once in a second or so.

        Args:
            consumer: an AIOKafkaConsumer that has subscribed.

        Raises:
            JoinRefusedError: it has been refused for ``give_up_seconds``.
        """
        now = time.monotonic()
        if now >= self._ask_again_at:
            try:
                # Taking the error is what makes the client try again, so not before the pause is over.
                consumer._coordinator.check_errors()  # noqa: SLF001 - public methods that call it poll or wait
            except KafkaError as error:
                self.refused(error)
            else:
                if self.refusal is not None and now - self._refused_at > _FORGET_SECONDS:
                    self._forget()  # the client has recovered without joining anew, or waits for the others now
        if self._joining_since is not None and now >= self._say_again_at:
            self._say_again_at = now + _SAY_AGAIN_SECONDS
            log.warning(
                "still waiting to join group %s after %.0f s%s",
                *(self._settings.group_id, self.joining_seconds),
                f": {self.refusal}" if self.refusal else "",
            )

    def refused(self, error: KafkaError) -> None:
        """The coordinator refused this worker, or put it out.

        Raises:
            JoinRefusedError: it has been doing so for ``give_up_seconds``.
        """
        now = time.monotonic()
        self._refused_at = now
        if self._refused_since is None:
            self._refused_since = now
        self._refusals += 1
        line = f"cannot join group {self._settings.group_id}: {with_remedy(error)}"
        if line != self.refusal:
            log.error("%s; trying again for up to %g s", line, self._settings.give_up_seconds)
        self.refusal = line
        if now - self._refused_since >= self._settings.give_up_seconds:
            raise JoinRefusedError(f"{line} (refused for {now - self._refused_since:.0f} s)")
        pause = min(_MOST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** min(self._refusals - 1, 10))
        self._ask_again_at = now + min(pause, self._refused_since + self._settings.give_up_seconds - now)
