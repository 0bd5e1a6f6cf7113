"""Finds faults of a feed, from the alerts of its messages and from missing messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.alerts import Alert
from ratecast.model.features import WINDOW
from ratecast.scoring.quality import SPAN_STEPS
from training.drift_report.episodes import MOST_SPECIFIC_FIRST, days_between, days_silent, episodes, holes
from training.drift_report.findings import RETURN, SILENCE, Action, Finding, period, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.drift_report.episodes import Episode
    from training.drift_report.prediction_table import PairMessages

REVERSED = 0.25  # share of a step that may remain after it was reversed


@dataclass(frozen=True)
class FeedLimits:
    """Limits that a clean feed of a pair keeps; they are part of the bundle."""

    gap_days: int  # longest time without a rate
    level_step: float  # largest move in one step, log return


def faults(messages: PairMessages, newest: np.datetime64, limits: FeedLimits) -> list[Finding]:
    """Returns one finding for each kind of fault: certain ones first, then ongoing ones, then the most specific.

    Args:
        messages: messages of the pair.
        newest: time of the newest message of all pairs.
        limits: limits of a clean feed.
    """
    found: dict[str, list[Episode]] = {}
    for episode in episodes(messages, messages.marked()):
        is_gap = episode.code == Alert.GAP
        found.setdefault(episode.code, []).append(
            _as_hole(messages, episode, limits.gap_days) if is_gap else episode
        )
    order = [*MOST_SPECIFIC_FIRST, *sorted(found.keys() - set(MOST_SPECIFIC_FIRST))]
    findings = [_fault(messages, found[code], limits.level_step) for code in order if code in found]
    findings += _silences(messages, newest, limits.gap_days)
    return sorted(findings, key=lambda finding: (finding.action is Action.CONFIRM, finding.last is not None))


def _as_hole(messages: PairMessages, gap: Episode, gap_days: int) -> Episode:
    """Returns a gap with its missing days; its alerts begin after them and last while a history contains the hole."""
    rows = np.arange(max(gap.first, 1), gap.last + 1)
    holes = rows[days_between(messages)[rows - 1] > gap_days]
    if not len(holes):
        return gap
    last = gap.last if gap.last - holes[-1] >= SPAN_STEPS else int(holes[-1])
    ongoing = gap.ongoing and last == gap.last
    return replace(gap, first=min(gap.first, int(holes[0]) - 1), last=last, ongoing=ongoing)


def _fault(messages: PairMessages, occurrences: list[Episode], level_step: float) -> Finding:
    """Returns the finding of one kind of fault, which happened once or several times."""
    first, last = occurrences[0], occurrences[-1]
    name, _, detail = first.words.partition(": ")
    what = f"{name} ({detail})" if detail else name
    ends = None if last.ongoing else messages.day(last.last)
    days = period(messages.day(first.first), ends, messages.day(last.last))
    short = f"since {messages.day(first.first)}, ongoing" if last.ongoing else days
    finding = Finding(
        action=Action.CHECK_FEED,
        code=first.code,
        text=f"check the feed of {messages.pair}: {what} {times(occurrences)}{days}",
        brief=f"{name} {times(occurrences)}{short}",
        first=messages.day(first.first),
        last=ends,
        spans=tuple((episode.first, episode.last) for episode in occurrences),
    )
    if first.code != Alert.JUMP:
        return finding
    step_and_back = _reversed_step(messages, occurrences)
    if step_and_back is not None:
        return _with_reversal(messages, finding, step_and_back)
    if _beyond_markets(messages, occurrences, level_step):
        return finding
    text = (
        f"confirm {messages.pair} with another source: {what} {times(occurrences)}{days}; "
        "the feed is wrong if the other source does not show it"
    )
    return replace(finding, action=Action.CONFIRM, text=text)


def _with_reversal(messages: PairMessages, finding: Finding, step_and_back: tuple[int, int]) -> Finding:
    """Returns the finding of jumps, one of which was reversed."""
    there, back = step_and_back
    step = "" if len(finding.spans) == 1 else f"the step of {messages.day(there)} was "
    return replace(
        finding,
        text=f"{finding.text}, {step}reversed on {messages.day(back)}",
        brief=f"jump on {messages.day(there)}, reversed on {messages.day(back)}",
        spans=(*(span for span in finding.spans if not there <= span[0] <= back), step_and_back),
    )


def _reversed_step(messages: PairMessages, jumps: Sequence[Episode]) -> tuple[int, int] | None:
    """Returns the rows of a jump and of the step that reverses it within a history's length; None if there is none.

    The step back may carry no alert, because the jump itself has raised the volatility. In a market that has become
    volatile some step of that size is always found, so no other step may be half as large.
    """
    steps = messages.features[:, RETURN]
    for jump in jumps:
        size = abs(steps[jump.first])
        later = steps[jump.first + 1 : jump.first + WINDOW + 1]
        large = np.flatnonzero(np.abs(later) > size / 2)
        if len(large) == 1 and abs(later[large[0]] + steps[jump.first]) <= REVERSED * size:
            return jump.first, jump.first + 1 + int(large[0])
    return None


def _beyond_markets(messages: PairMessages, jumps: list[Episode], level_step: float) -> bool:
    """Whether a jump is larger than any clean return, or has a ``level_cone`` alert as well."""
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
        more = f", the longest of {len(missing)} gaps" if len(missing) > 1 else ""
        yield Finding(
            Action.CHECK_FEED,
            SILENCE,
            f"check the feed of {messages.pair}: no messages for {days:.0f} days between {first} and {last}{more}",
            f"no messages between {first} and {last}",
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
            f"check the feed of {messages.pair}: no messages after {last}, but other pairs have {silent:.0f} more days",
            f"no messages since {last}",
            last,
            None,
        )
