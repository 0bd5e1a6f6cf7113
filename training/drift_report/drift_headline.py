"""Writes the headline of a drift report: what to do, the most urgent first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.drift_report.findings import Action, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.drift_report.findings import Finding
    from training.drift_report.pair_report import PairReport

NAMED = 4
_ENDED = "ended"
_SHARED_SOURCE = 3  # this many pairs with the same fault from the same day on probably share a source


@dataclass(frozen=True)
class Advice:
    """What to do, in one sentence."""

    action: Action
    text: str


def advice(reports: Sequence[PairReport]) -> list[Advice]:
    """Returns what to do, one sentence for each action, the most urgent first."""
    quiet = sum(not report.findings for report in reports)
    if quiet == len(reports):
        what = f"all {quiet} pairs look" if quiet > 1 else f"{reports[0].pair} looks"
        return [Advice(Action.NOTHING, f"Nothing to do: {what} as in training.")]
    sentences = {
        Action.CHECK_FEED: _check(reports),
        Action.CONFIRM: _confirm(reports),
        Action.RETRAIN: _retrain(reports),
        Action.MARKET: _market(reports),
        Action.NOTHING: f"Nothing to do for the other {f'{quiet} pairs' if quiet > 1 else 'pair'}."
        if quiet
        else "",
    }
    return [Advice(action, text) for action, text in sentences.items() if text]


def _check(reports: Sequence[PairReport]) -> str:
    faulty = [report for report in reports if report.action is Action.CHECK_FEED]
    return f"Check the feed of {_feeds(faulty)}." if faulty else ""


def _confirm(reports: Sequence[PairReport]) -> str:
    pairs = [report.pair for report in reports if report.action is Action.CONFIRM]
    jumps = "jump" if len(pairs) == 1 else "jumps"
    return f"Confirm the {jumps} of {listed(pairs)} with another source." if pairs else ""


def _retrain(reports: Sequence[PairReport]) -> str:
    stale = [(report.pair, found) for report in reports if (found := _of(report, Action.RETRAIN))]
    left = [pair for pair, found in stale if found[0].code == "level_left"]
    poor = [pair for pair, found in stale if found[0].code != "level_left"]
    causes = [f"the ranges or forecasts of {listed(poor)} have become worse than promised"] if poor else []
    causes += [f"the rates of {listed(left)} have left the range seen in training"] if left else []
    then = "Then retrain" if any(report.action is Action.CHECK_FEED for report in reports) else "Retrain"
    return f"{then} the model: {' and '.join(causes)}." if causes else ""


def _market(reports: Sequence[PairReport]) -> str:
    restless = [(report.pair, found) for report in reports if (found := _of(report, Action.MARKET))]
    changed = [pair for pair, found in restless if any(finding.last is None for finding in found)]
    volatile = [pair for pair, _ in restless if pair not in changed]
    clauses = [f"the market of {listed(changed)} has changed"] if changed else []
    clauses += [f"the market of {listed(volatile)} was more volatile for a while"] if volatile else []
    text = " and ".join(clauses)
    return f"{text[0].upper()}{text[1:]}, which is not a fault." if text else ""


def _of(report: PairReport, action: Action) -> list[Finding]:
    return [finding for finding in report.findings if finding.action is action]


def _feeds(faulty: Sequence[PairReport]) -> str:
    """Groups pairs by fault and day, because pairs that fail together probably share a source; ongoing faults first.

    Only the first finding of a pair counts.
    """
    groups: dict[tuple[str, str], list[PairReport]] = {}
    for report in faulty:
        first = report.findings[0]
        groups.setdefault((first.code, first.first), []).append(report)
    parts = []
    for (code, day), group in sorted(
        groups.items(), key=lambda item: (_state(item[1]) == _ENDED, -len(item[1]))
    ):
        fault = in_words(code)
        if len(group) >= _SHARED_SOURCE:
            names = listed([report.pair for report in group])
            parts.append(f"{names}, which may share a source ({fault} from {day} on, {_state(group)})")
        else:
            parts += [f"{report.pair} ({fault}, {_state([report])})" for report in group]
    return listed(parts)


def _state(group: Sequence[PairReport]) -> str:
    return "ongoing" if any(report.goes_on for report in group) else _ENDED


def listed(names: Sequence[str]) -> str:
    """Returns names as part of a sentence; after the first ones only their number.

    >>> listed(["EUR/CHF"]), listed(["A", "B"]), listed(list("ABCDEFG"))
    ('EUR/CHF', 'A and B', 'A, B, C, D and 3 more')
    """
    rest = len(names) - NAMED
    parts = [*names[:NAMED], f"{rest} more"] if rest > 0 else list(names)
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
