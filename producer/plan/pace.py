"""Keeps an exact message rate: message i is due i / rate seconds after the start, however late the ones before it were."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ratecast.errors import UsageError

BURST = 1000  # the most messages sent at once
_TICK_SECONDS = 0.002  # the shortest pause; at 10,000/s this sends twenty messages at once


@dataclass(frozen=True)
class Pace:
    """A number of messages per second; without limit if None.

    Due times count from the start and not from the last message, so a late wake-up does not lower the rate.
    """

    rate: float | None = None

    def due(self, elapsed_seconds: float, sent: int) -> int:
        """Returns how many more messages are due, at most a burst.

        >>> Pace(10.0).due(0.0, 0), Pace(10.0).due(0.05, 1), Pace(10.0).due(1.0, 1), Pace(None).due(0.0, 0)
        (1, 0, 10, 1000)
        """
        if self.rate is None:
            return BURST
        # The small addend corrects float errors: 0.3 * 10 is 2.999..., but message 3 is due at 0.3 s.
        return min(BURST, max(0, math.floor(elapsed_seconds * self.rate + 1e-9) + 1 - sent))

    def pause_seconds(self, elapsed_seconds: float, sent: int) -> float:
        """Returns how long to wait until the next message is due.

        >>> Pace(10.0).pause_seconds(0.05, 1)
        0.05
        """
        if self.rate is None:
            return 0.0
        return max(_TICK_SECONDS, sent / self.rate - elapsed_seconds)


def parse_rate(text: str) -> Pace:
    """Returns the pace written as ``max``, ``500/s`` or ``500``.

    Raises:
        UsageError: the text has another form.

    >>> parse_rate("500/s").rate, parse_rate("max").rate
    (500.0, None)
    """
    if text.strip().lower() == "max":
        return Pace(None)
    try:
        rate = float(text.strip().removesuffix("/s"))
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise UsageError(f"--rate: {text!r} is not a rate: write messages per second like 500/s, or max")
    return Pace(rate)
