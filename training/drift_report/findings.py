"""What to do about a pair: measures in, findings in plain words out, the most urgent first.

1. ``check_feed``: alerts of the feed, each fault once, with its days; a pair that has fallen silent.
   ``confirm``: nothing but a jump that stayed and that a market can make; another source tells.
2. ``retrain``: the level of a pair has left what training saw (of the newest `NOW_MESSAGES` half or more), or the
   ranges or forecasts no longer hold what they claim (over the newest 500 answers).
3. ``market``: returns are distributed otherwise than in training (the newest window is over its threshold), or were
   wild for a while (`REGIME_MESSAGES` alerts or more). Nobody's fault; ranges follow volatility by themselves.

Faults of a feed come first because everything else is judged without the messages that they spoilt, and because a
model must not learn from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

RETURN = 3  # column of return_1 in FEATURE_NAMES
LEVELS_END = 3  # the columns before it are levels


class Action(StrEnum):
    """What to do, the most urgent first."""

    CHECK_FEED = "check_feed"
    CONFIRM = "confirm"
    RETRAIN = "retrain"
    MARKET = "market"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Finding:
    """One thing to tell of a pair.

    Attributes:
        action: what to do.
        code: what was found: an alert's code, ``silence``, ``level_left``, ``coverage_80``, ``coverage_95``,
            ``error``, ``returns_changed``.
        text: a sentence that stands alone.
        brief: the same for a table.
        first: day it began.
        last: day it ended; None while it goes on.
        spans: first and last row of each time it happened.
    """

    action: Action
    code: str
    text: str
    brief: str
    first: str
    last: str | None
    spans: tuple[tuple[int, int], ...] = ()


def times(same: Sized) -> str:
    """How often, where it is more than once."""
    return f"{len(same)} times, " if len(same) > 1 else ""


def in_words(first: str, last: str | None, newest: str) -> str:
    """Days as a phrase; ``last`` is None while it goes on."""
    if last is None:
        return f"since {first}, still so on {newest}"
    return f"on {first}" if first == last else f"from {first} to {last}"
