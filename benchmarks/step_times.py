"""What the benchmarks of single steps share: the model to measure, and the time of each step per message."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from ratecast.errors import RatecastError
from ratecast.model.bundle import load
from ratecast.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratecast.model.bundle import Bundle


def current_bundle() -> Bundle:
    """Returns the current model, and stops warnings about drift, which old rates are full of.

    Raises:
        SystemExit: there is no model, or it is damaged.
    """
    try:
        bundle = load(load_settings().models_dir)
    except RatecastError as error:
        sys.exit(str(error))
    logging.disable(logging.WARNING)
    return bundle


class StepTimes:
    """Adds up the time of steps that run one after another.

    Args:
        clock: seconds.
        messages: number of messages that all steps together handle.
    """

    def __init__(self, clock: Callable[[], float], messages: int) -> None:
        self._clock = clock
        self._messages = messages
        self._began = clock()
        self.microseconds: defaultdict[str, float] = defaultdict(float)  # step -> time per message

    def start(self) -> None:
        """Start the first step now; what happened before does not count."""
        self._began = self._clock()

    def ended(self, step: str) -> None:
        """Add the time since the start or the last step to a step, and start the next one."""
        now = self._clock()
        self.microseconds[step] += 1e6 * (now - self._began) / self._messages
        self._began = now
