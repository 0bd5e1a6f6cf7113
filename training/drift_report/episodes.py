"""Alerts that belong together: one fault of a feed, or one wild stretch of the market, however many messages.

A fault alerts on several messages and under several codes: a decimal slip also jumps and leaves the level cone.
Marked messages fewer than `JOIN` apart are one episode, named by its most telling code (`TELLING`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.alerts import Alert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from training.drift_report.messages import PairMessages

JOIN = 5
# The cause before what follows from it: who sees ten times the rate need not be told that it jumped.
TELLING = (
    Alert.DECIMAL_SLIP,
    Alert.INVERTED_QUOTE,
    Alert.STUCK,
    Alert.GAP,
    Alert.JUMP,
    Alert.LEVEL_CONE,
    Alert.VOLATILITY_REGIME,
)
SILENCE = "silence"  # ours: no messages at all, which no message can carry an alert of
_TYPICAL_DAYS = 3.0  # a pair whose messages are mostly farther apart is asked now and then, not fed


@dataclass(frozen=True)
class Episode:
    """Marked messages that belong together.

    Attributes:
        code: the most telling.
        words: of the alert, such as "decimal slip: 100 times the previous rate".
        first: row of the first marked message; of a stuck feed, of the first rate that repeats the one before it.
        last: row of the last; the jump back to the right level is not counted.
        marked: how many messages are marked.
        ongoing: the newest message of the pair still belongs to it.
    """

    code: str
    words: str
    first: int
    last: int
    marked: int
    ongoing: bool


def episodes(messages: PairMessages, mask: NDArray[np.bool_]) -> list[Episode]:
    """Episodes of the messages under a mask, oldest first.

    Args:
        messages: of one pair.
        mask: which messages are marked, ``(n,)``; each has an alert.
    """
    rows = np.flatnonzero(mask)
    if not len(rows):
        return []
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > JOIN) + 1)
    return [_episode(messages, run.tolist()) for run in runs]


def _episode(messages: PairMessages, rows: list[int]) -> Episode:
    code = most_telling(Counter(code for row in rows for code in messages.alerts[row]))
    own = [row for row in rows if code in messages.alerts[row]]
    # The jump at the end of a slip is the way back: the rate it leads to is right.
    last = max(row for row in rows if row in own or set(messages.alerts[row]) != {Alert.JUMP})
    # A stuck feed counts its equal rates as it goes; of other faults the first words say how they began.
    words = messages.alerts[own[-1] if code == Alert.STUCK else own[0]][code]
    first = _stood_still_from(messages, rows[0]) if code == Alert.STUCK else rows[0]
    ongoing = rows[-1] == last and last >= len(messages) - JOIN and code != Alert.JUMP
    return Episode(code, words, first, last, len(rows), ongoing)


def _stood_still_from(messages: PairMessages, row: int) -> int:
    """The first row of a run of equal rates that ends with this one, the run's own first rate not counted."""
    moved = np.flatnonzero(messages.rates[: row + 1] != messages.rates[row])
    return min(row, int(moved[-1]) + 2 if len(moved) else 1)


def most_telling(codes: Mapping[str, int]) -> str:
    """The code that names an episode: the first of `TELLING`, else the commonest of codes not known here.

    >>> most_telling({"jump": 1, "decimal_slip": 1, "level_cone": 40})
    'decimal_slip'
    """
    for code in TELLING:
        if code in codes:
            return code.value
    return max(codes, key=lambda code: (codes[code], code))


def holes(messages: PairMessages, gap_days: int) -> list[tuple[int, float]]:
    """Where messages of a pair that is fed day by day stop for longer than a clean feed: row after it, days.

    Holes that the message after them has an alert for are left out.
    """
    spacing = np.diff(messages.when) / np.timedelta64(1, "D")
    if len(spacing) < JOIN or float(np.median(spacing)) > _TYPICAL_DAYS:
        return []
    return [
        (row + 1, float(spacing[row]))
        for row in np.flatnonzero(spacing > gap_days).tolist()
        if Alert.GAP not in messages.alerts.get(row + 1, {})
    ]


def days_silent(messages: PairMessages, newest: np.datetime64, gap_days: int) -> float | None:
    """Days from a pair's last message to the newest of all, where that is longer than a clean feed is silent."""
    spacing = np.diff(messages.when) / np.timedelta64(1, "D")
    if len(spacing) < JOIN or float(np.median(spacing)) > _TYPICAL_DAYS:
        return None
    days = float((newest - messages.when[-1]) / np.timedelta64(1, "D"))
    return days if days > gap_days else None
