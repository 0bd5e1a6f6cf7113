"""Faults of a feed, from the alerts of its messages and from the messages that never came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.alerts import Alert
from ratecast.model.features import WINDOW
from ratecast.scoring.quality import SPAN_STEPS
from training.drift_report.episodes import SILENCE, TELLING, days_between, days_silent, episodes, holes
from training.drift_report.findings import RETURN, Action, Finding, in_words, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.drift_report.episodes import Episode
    from training.drift_report.tape import PairMessages

TAKEN_BACK = 0.25  # what may be left of a step that was taken back


@dataclass(frozen=True)
class FeedLimits:
    """What a clean feed of a pair does not do; from the bundle's `ratecast.model.quality_limits`."""

    gap_days: int  # be silent for longer
    level_step: float  # move by more in one step, log return


def faults(messages: PairMessages, newest: np.datetime64, limits: FeedLimits) -> list[Finding]:
    """Faults of the feed: what is certain first, then what still goes on, then the most telling; each code once.

    Args:
        messages: of the pair.
        newest: time of the newest message of all pairs.
        limits: what a clean feed does not do.
    """
    found: dict[str, list[Episode]] = {}
    for episode in episodes(messages, messages.marked()):
        told_as = _as_hole(messages, episode, limits.gap_days) if episode.code == Alert.GAP else episode
        found.setdefault(episode.code, []).append(told_as)
    order = [*TELLING, *sorted(found.keys() - set(TELLING))]
    told = [_fault(messages, found[code], limits.level_step) for code in order if code in found]
    told += _silences(messages, newest, limits.gap_days)
    return sorted(told, key=lambda finding: (finding.action is Action.CONFIRM, finding.last is not None))


def _as_hole(messages: PairMessages, gap: Episode, gap_days: int) -> Episode:
    """A gap with the days that it lacks; the alerts begin after them and go on while the hole is in sight."""
    rows = np.arange(max(gap.first, 1), gap.last + 1)
    holes = rows[days_between(messages)[rows - 1] > gap_days]
    if not len(holes):
        return gap
    last = gap.last if gap.last - holes[-1] >= SPAN_STEPS else int(holes[-1])
    ongoing = gap.ongoing and last == gap.last
    return replace(gap, first=min(gap.first, int(holes[0]) - 1), last=last, ongoing=ongoing)


def _fault(messages: PairMessages, same: list[Episode], level_step: float) -> Finding:
    """One or several episodes of one code as a finding."""
    first, last = same[0], same[-1]
    name, _, detail = first.words.partition(": ")
    what = f"{name} ({detail})" if detail else name
    ends = None if last.ongoing else messages.day(last.last)
    days = in_words(messages.day(first.first), ends, messages.day(last.last))
    action, text = Action.CHECK_FEED, f"check the feed of {messages.pair}: {what} {times(same)}{days}"
    short = f"since {messages.day(first.first)}, still so" if last.ongoing else days
    brief, spans = f"{name} {times(same)}{short}", tuple((episode.first, episode.last) for episode in same)
    there_and_back = _taken_back(messages, same) if first.code == Alert.JUMP else None
    if there_and_back is not None:
        there, back = there_and_back
        step = "" if len(same) == 1 else f"the step of {messages.day(there)} "
        text += f", {step}taken back on {messages.day(back)}"
        brief = f"a step there and back, {messages.day(there)} to {messages.day(back)}"
        spans = (*(span for span in spans if not there <= span[0] <= back), (there, back))
    elif first.code == Alert.JUMP and not _beyond_markets(messages, same, level_step):
        action = Action.CONFIRM
        text = (
            f"confirm {messages.pair} with another source: {what} {times(same)}{days}; the feed is wrong if "
        )
        text += "it is not there"
    return Finding(
        action,
        first.code,
        text,
        brief,
        messages.day(first.first),
        ends,
        spans,
    )


def _taken_back(messages: PairMessages, jumps: Sequence[Episode]) -> tuple[int, int] | None:
    """Rows of a jump and of the lone step of its size the other way, within a history's length; None without.

    The way back may carry no alert: the jump itself has raised the volatility that it is held to. In a market that
    has become wild, though, some step of that size is always found: nothing else may be half as large.
    """
    steps = messages.features[:, RETURN]
    for jump in jumps:
        size = abs(steps[jump.first])
        later = steps[jump.first + 1 : jump.first + WINDOW + 1]
        large = np.flatnonzero(np.abs(later) > size / 2)
        if len(large) == 1 and abs(later[large[0]] + steps[jump.first]) <= TAKEN_BACK * size:
            return jump.first, jump.first + 1 + int(large[0])
    return None


def _beyond_markets(messages: PairMessages, jumps: list[Episode], level_step: float) -> bool:
    """Whether a jump is larger than any clean return, or left the level cone as well."""
    return any(
        abs(messages.features[episode.first, RETURN]) > level_step
        or any(
            Alert.LEVEL_CONE in messages.alerts.get(row, {}) for row in range(episode.first, episode.last + 1)
        )
        for episode in jumps
    )


def _silences(messages: PairMessages, newest: np.datetime64, gap_days: int) -> Iterator[Finding]:
    missing = holes(messages, gap_days)
    if missing:
        row, days = max(missing, key=lambda hole: hole[1])
        first, last = messages.day(row - 1), messages.day(row)
        more = f", the longest of {len(missing)} holes" if len(missing) > 1 else ""
        yield Finding(
            Action.CHECK_FEED,
            SILENCE,
            f"check the feed of {messages.pair}: no messages for {days:.0f} days between {first} and {last}{more}",
            f"silence between {first} and {last}",
            first,
            last,
            tuple((row - 1, row) for row, _ in missing),
        )
    silent = days_silent(messages, newest, gap_days)
    if silent is not None:
        last = messages.day(len(messages) - 1)
        yield Finding(
            Action.CHECK_FEED,
            SILENCE,
            f"check the feed of {messages.pair}: no messages after {last}, while other pairs go on for {silent:.0f} days",
            f"silence since {last}",
            last,
            None,
        )
