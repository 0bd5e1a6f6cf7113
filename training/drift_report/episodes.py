"""Groups alerts that belong together into episodes: one fault of a feed, or one volatile time of the market.

A fault raises alerts on several messages and with several codes: a decimal slip also jumps and leaves the level cone.
Marked messages at most `JOIN` apart are one episode. Its name is its most specific code (`MOST_SPECIFIC_FIRST`).
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

    from training.drift_report.prediction_table import PairMessages

JOIN = 5
# A cause comes before its effects: a decimal slip also jumps, but "jump" would explain less.
MOST_SPECIFIC_FIRST = (
    Alert.DECIMAL_SLIP,
    Alert.INVERTED_QUOTE,
    Alert.STUCK,
    Alert.GAP,
    Alert.JUMP,
    Alert.LEVEL_CONE,
    Alert.VOLATILITY_REGIME,
    Alert.CARRIED_FORWARD,
)
_STEPS = {Alert.DECIMAL_SLIP, Alert.INVERTED_QUOTE}  # these alerts look at a step that led to a wrong rate
_TYPICAL_DAYS = 3.0  # a pair whose messages are mostly farther apart gets single requests and has no feed


@dataclass(frozen=True)
class Episode:
    """Marked messages that belong together.

    Attributes:
        code: most specific code of the alerts.
        words: text of that alert, such as "decimal slip: 100 times the previous rate".
        first: row of the first marked message; for a stuck feed, row of the first repeated rate.
        last: row of the last message with a wrong rate; marked messages with a right rate after it do not count.
        marked: number of marked messages.
        ongoing: whether the newest message of the pair belongs to the episode.
    """

    code: str
    words: str
    first: int
    last: int
    marked: int
    ongoing: bool


def episodes(messages: PairMessages, mask: NDArray[np.bool_]) -> list[Episode]:
    """Returns the episodes of the messages under a mask, oldest first.

    Args:
        messages: messages of one pair.
        mask: which messages are marked, ``(n,)``; each of them has an alert.
    """
    rows = np.flatnonzero(mask)
    if not len(rows):
        return []
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > JOIN) + 1)
    return [_episode(messages, run.tolist()) for run in runs]


def _episode(messages: PairMessages, rows: list[int]) -> Episode:
    faulty = rows[: len(rows) - _right_again(messages, rows)]
    code = most_specific(Counter(code for row in faulty for code in messages.alerts[row]))
    naming = [row for row in faulty if code in messages.alerts[row]]
    # A single jump at the end of a fault is the step back to the right rate as well.
    last = max(row for row in faulty if row in naming or set(messages.alerts[row]) != {Alert.JUMP})
    # The last alert of a stuck feed has the final count; of other faults the first alert describes the cause.
    words = messages.alerts[naming[-1] if code == Alert.STUCK else naming[0]][code]
    first = _stood_still_from(messages, rows[0]) if code == Alert.STUCK else rows[0]
    ongoing = rows[-1] == last and last >= len(messages) - JOIN and code != Alert.JUMP
    return Episode(code, words, first, last, len(rows), ongoing)


def _right_again(messages: PairMessages, rows: list[int]) -> int:
    """Counts the rows at the end of an episode that have a right rate again but still carry alerts.

    After a slip that lasted longer than a message's history, the step back looks like another slip: it raises ``jump``
    and ``decimal_slip``, and the latter stays while a history contains the step and no level cone shows the right rate.
    """
    alerts, steps = messages.alerts, np.abs(messages.features[:, RETURN])
    jumps = [row for row in rows if Alert.JUMP in alerts[row]]
    if not jumps or not any(_STEPS & alerts[row].keys() for row in rows):
        return 0
    # The first of the largest jumps began the fault; a smaller, lasting jump may come before it.
    begun = next(row for row in jumps if 2 * steps[row] >= steps[jumps].max())
    if rows[0] < begun == rows[-1]:
        # If the fault began before the first message, only the level cone can show that this is its end.
        return int(Alert.LEVEL_CONE in alerts[rows[-2]] and Alert.LEVEL_CONE not in alerts[begun])
    off = np.abs(np.log(messages.rates[rows] / messages.features[begun, 1])) > steps[begun] / 2
    return int(np.argmax(off[::-1]))


def _stood_still_from(messages: PairMessages, row: int) -> int:
    """Returns the second row of the run of equal rates that ends with this row: the first repeated rate."""
    moved = np.flatnonzero(messages.rates[: row + 1] != messages.rates[row])
    return min(row, int(moved[-1]) + 2 if len(moved) else 1)


def most_specific(codes: Mapping[str, int]) -> str:
    """Returns the code that names an episode: the first of `MOST_SPECIFIC_FIRST`, or else the commonest code.

    >>> most_specific({"jump": 1, "decimal_slip": 1, "level_cone": 40})
    'decimal_slip'
    """
    for code in MOST_SPECIFIC_FIRST:
        if code in codes:
            return code.value
    return max(codes, key=lambda code: (codes[code], code))


def days_between(messages: PairMessages) -> NDArray[np.float64]:
    """Returns the days from each message to the next, ``(n - 1,)``."""
    result: NDArray[np.float64] = np.diff(messages.when) / np.timedelta64(1, "D")
    return result


def holes(messages: PairMessages, gap_days: int) -> list[tuple[int, float]]:
    """Returns where messages of a daily pair are missing for longer than ``gap_days``: the row after it, and the days.

    A hole is left out if the message after it carries a ``gap`` alert.
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
    """Returns the days from a pair's last message to the newest of all pairs.

    None if there are at most ``gap_days``, or if the pair has no daily feed.
    """
    spacing = days_between(messages)
    if len(spacing) < JOIN or float(np.median(spacing)) > _TYPICAL_DAYS:
        return None
    days = float((newest - messages.when[-1]) / np.timedelta64(1, "D"))
    return days if days > gap_days else None
