"""What a drift report can find for a pair, and what to do about it.

1. ``check_feed``: alerts that suggest a fault of the feed, one finding for each kind, or missing messages.
   ``confirm``: a lasting jump that a market can make and no other alert; another source decides.
2. ``retrain``: the rates have left the range seen in training (in half or more of the newest `NOW_MESSAGES`), or the
   ranges or forecasts are worse than they should be (over the newest 500 forecasts).
3. ``market``: the returns are distributed differently from training (the newest window is over its threshold), or they
   were volatile for a while (`REGIME_MESSAGES` alerts or more). No action is needed: ranges follow volatility.

Faults of the feed come first: all other checks leave out the messages that they affect, and a model must not be
trained on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

RETURN = 3  # column of return_1 in FEATURE_NAMES
LEVELS_END = 3  # the columns before this one are rates (lag_1 to lag_3)
SILENCE = "silence"  # code of a finding: messages are missing, so no message can carry an alert
_NAMES = {
    SILENCE: "no messages",
    "level_left": "rate outside training",
    "coverage_80": "80 % range",
    "coverage_95": "95 % range",
    "error": "forecast error",
}


class Action(StrEnum):
    """What to do, the most urgent first."""

    CHECK_FEED = "check_feed"
    CONFIRM = "confirm"
    RETRAIN = "retrain"
    MARKET = "market"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Finding:
    """Something found for a pair.

    Attributes:
        action: what to do.
        code: kind of the finding: the code of an alert, ``silence``, ``level_left``, ``coverage_80``,
            ``coverage_95``, ``error`` or ``returns_changed``.
        text: a sentence that stands alone.
        brief: a phrase for a table.
        first: day it began.
        last: day it ended; None if it is ongoing.
        spans: first and last row of each occurrence.
    """

    action: Action
    code: str
    text: str
    brief: str
    first: str
    last: str | None
    spans: tuple[tuple[int, int], ...] = ()


def in_words(code: str) -> str:
    """Returns a short name for the kind of a finding.

    >>> in_words("decimal_slip"), in_words("silence")
    ('decimal slip', 'no messages')
    """
    return _NAMES.get(code, code.replace("_", " "))


def times(occurrences: Sized) -> str:
    """Returns how often something happened, as the beginning of a phrase; empty if it happened once."""
    return f"{len(occurrences)} times, " if len(occurrences) > 1 else ""


def period(first: str, last: str | None, newest: str) -> str:
    """Returns a period as a phrase.

    Args:
        first: its first day.
        last: its last day; None if it is ongoing.
        newest: day of the newest message.
    """
    if last is None:
        return f"since {first}, still ongoing on {newest}"
    return f"on {first}" if first == last else f"from {first} to {last}"
