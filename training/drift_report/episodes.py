"""Alerts that belong together: one fault of a feed, or one wild stretch of the market, however many messages.

A fault alerts on several messages and under several codes: a decimal slip also jumps and leaves the level cone.
Marked messages fewer than `JOIN` apart are one episode, named by its most telling code (`TELLING`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.alerts import Alert
from training.drift_report.findings import RETURN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from training.drift_report.tape import PairMessages

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
    Alert.CARRIED_FORWARD,
)
_STEPS = {Alert.DECIMAL_SLIP, Alert.INVERTED_QUOTE}  # named by the step that led to the level
SILENCE = "silence"  # ours: no messages at all, which no message can carry an alert of
_TYPICAL_DAYS = 3.0  # a pair whose messages are mostly farther apart is asked now and then, not fed


@dataclass(frozen=True)
class Episode:
    """Marked messages that belong together.

    Attributes:
        code: the most telling.
        words: of the alert, such as "decimal slip: 100 times the previous rate".
        first: row of the first marked message; of a stuck feed, of the first rate that repeats the one before it.
        last: row of the last; what tells of the way back to the right level is not counted.
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
    faulty = rows[: len(rows) - _right_again(messages, rows)]
    code = most_telling(Counter(code for row in faulty for code in messages.alerts[row]))
    own = [row for row in faulty if code in messages.alerts[row]]
    # A lone jump at the end of a fault is the way back as well.
    last = max(row for row in faulty if row in own or set(messages.alerts[row]) != {Alert.JUMP})
    # A stuck feed counts its equal rates as it goes; of other faults the first words say how they began.
    words = messages.alerts[own[-1] if code == Alert.STUCK else own[0]][code]
    first = _stood_still_from(messages, rows[0]) if code == Alert.STUCK else rows[0]
    ongoing = rows[-1] == last and last >= len(messages) - JOIN and code != Alert.JUMP
    return Episode(code, words, first, last, len(rows), ongoing)


def _right_again(messages: PairMessages, rows: list[int]) -> int:
    """How many rows at the end of an episode have a right rate again, though they carry alerts.

    Once a slip has outlasted a message's history, its end looks like another slip, the other way: ``jump`` and
    ``decimal_slip`` at first, the latter for as long as that step is in sight where nothing tells which level is right.
    """
    alerts, steps = messages.alerts, np.abs(messages.features[:, RETURN])
    jumps = [row for row in rows if Alert.JUMP in alerts[row]]
    if not jumps or not any(_STEPS & alerts[row].keys() for row in rows):
        return 0
    # Of several jumps the first of the largest began the fault; one that stayed may stand before it.
    begun = next(row for row in jumps if 2 * steps[row] >= steps[jumps].max())
    if rows[0] < begun == rows[-1]:
        # Or it began before the first message: only the level cone can tell that this is its end.
        return int(Alert.LEVEL_CONE in alerts[rows[-2]] and Alert.LEVEL_CONE not in alerts[begun])
    off = np.abs(np.log(messages.rates[rows] / messages.features[begun, 1])) > steps[begun] / 2
    return int(np.argmax(off[::-1]))


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


def days_between(messages: PairMessages) -> NDArray[np.float64]:
    """Days from each message to the next, ``(n - 1,)``."""
    result: NDArray[np.float64] = np.diff(messages.when) / np.timedelta64(1, "D")
    return result


def holes(messages: PairMessages, gap_days: int) -> list[tuple[int, float]]:
    """Where messages of a pair that is fed day by day stop for longer than a clean feed: row after it, days.

    Holes that the message after them has an alert for are left out.
    """
    spacing = days_between(messages)
    if len(spacing) < JOIN or float(np.median(spacing)) > _TYPICAL_DAYS:
        return []
    return [
        (row + 1, float(spacing[row]))
        for row in np.flatnonzero(spacing > gap_days).tolist()
        if Alert.GAP not in messages.alerts.get(row + 1, {})
    ]


def days_silent(messages: PairMessages, newest: np.datetime64, gap_days: int) -> float | None:
    """Days from a pair's last message to the newest of all, where that is longer than a clean feed is silent."""
    spacing = days_between(messages)
    if len(spacing) < JOIN or float(np.median(spacing)) > _TYPICAL_DAYS:
        return None
    days = float((newest - messages.when[-1]) / np.timedelta64(1, "D"))
    return days if days > gap_days else None
