"""Keeping a rate exactly: message i is due i / rate seconds after the start, whatever happened before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ratecast.errors import UsageError

BURST = 1000  # most messages handed over at once
_TICK_SECONDS = 0.002  # shortest pause: at 10,000/s twenty messages go together


@dataclass(frozen=True)
class Pace:
    """Messages a second; as fast as it goes when None.

    Counting from the start, not from the last message, a late wake-up is made good and nothing drifts.
    """

    rate: float | None = None

    def due(self, elapsed_seconds: float, sent: int) -> int:
        """How many more messages are due, at most a burst.

        >>> Pace(10.0).due(0.0, 0), Pace(10.0).due(0.05, 1), Pace(10.0).due(1.0, 1), Pace(None).due(0.0, 0)
        (1, 0, 10, 1000)
        """
        if self.rate is None:
            return BURST
        # A hair is added: 0.3 * 10 is 2.999..., yet message 3 is due at 0.3 s.
        return min(BURST, max(0, math.floor(elapsed_seconds * self.rate + 1e-9) + 1 - sent))

    def pause_seconds(self, elapsed_seconds: float, sent: int) -> float:
        """How long to wait until the next message is due.

        >>> Pace(10.0).pause_seconds(0.05, 1)
        0.05
        """
        if self.rate is None:
            return 0.0
        return max(_TICK_SECONDS, sent / self.rate - elapsed_seconds)


def parse_rate(text: str) -> Pace:
    """The pace that ``max``, ``500/s`` or ``500`` names.

    Raises:
        UsageError: it is none of these.

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
        raise UsageError(f"--rate: {text!r} is not a rate: write messages a second like 500/s, or max")
    return Pace(rate)
