"""The sentences on top of the report: what to do, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.drift_report.findings import Action, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.drift_report.pair_report import PairReport

NAMED = 4
_ENDED = "ended"
_TOGETHER = 3  # so many pairs with the same fault from the same day on have one source


def headline(reports: Sequence[PairReport]) -> str:
    """What to do, the most urgent first, in a few sentences."""
    sentences = []
    faulty = [report for report in reports if report.action is Action.CHECK_FEED]
    if faulty:
        sentences.append(f"Check the feed of {_feeds(faulty)}.")
    doubtful = [report for report in reports if report.action is Action.CONFIRM]
    if doubtful:
        sentences.append(
            f"Confirm with another source: {listed([report.pair for report in doubtful])} (jump)."
        )
    stale = [(report, _of(report, Action.RETRAIN)) for report in reports if _of(report, Action.RETRAIN)]
    if stale:
        left = [report.pair for report, found in stale if found[0].code == "level_left"]
        poor = [report.pair for report, found in stale if found[0].code != "level_left"]
        causes = [f"ranges or forecasts of {listed(poor)} no longer hold what they claim"] if poor else []
        causes += [f"{listed(left)} left the levels of training"] if left else []
        begin = "Then retrain" if faulty else "Retrain"
        sentences.append(f"{begin}: {', and '.join(causes)}.")
    restless = [(report.pair, _of(report, Action.MARKET)) for report in reports if _of(report, Action.MARKET)]
    changed = [pair for pair, found in restless if any(finding.last is None for finding in found)]
    wild = [pair for pair, _ in restless if pair not in changed]
    if restless:
        clauses = [f"of {listed(changed)} changed"] if changed else []
        clauses += [f"of {listed(wild)} was wild for a while"] if wild else []
        sentences.append(f"The market {', that '.join(clauses)}, which is no fault.")
    quiet = sum(not report.findings for report in reports)
    if quiet == len(reports):
        what = f"all {quiet} pairs look" if quiet > 1 else f"{reports[0].pair} looks"
        return f"Nothing to do: {what} as in training."
    if quiet:
        sentences.append(f"Nothing to do for the other {f'{quiet} pairs' if quiet > 1 else 'pair'}.")
    return " ".join(sentences)


def _of(report: PairReport, action: Action) -> list[Finding]:
    return [finding for finding in report.findings if finding.action is action]


def _feeds(faulty: Sequence[PairReport]) -> str:
    """Pairs by fault and day, since pairs that fail together have one source; what still goes on comes first.

    The first finding speaks for a pair.
    """
    groups: dict[tuple[str, str], list[PairReport]] = {}
    for report in faulty:
        first = report.findings[0]
        groups.setdefault((first.code, first.first), []).append(report)
    told = []
    for (code, day), group in sorted(
        groups.items(), key=lambda item: (_state(item[1]) == _ENDED, -len(item[1]))
    ):
        fault = code.replace("_", " ")
        if len(group) >= _TOGETHER:
            names = listed([report.pair for report in group])
            told.append(f"what {names} have in common ({fault} from {day} on, {_state(group)})")
        else:
            told += [f"{report.pair} ({fault}, {_state([report])})" for report in group]
    return listed(told)


def _state(group: Sequence[PairReport]) -> str:
    return "still so" if any(report.goes_on for report in group) else _ENDED


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listed(["EUR/CHF"]), listed(["A", "B"]), listed(list("ABCDEFG"))
    ('EUR/CHF', 'A and B', 'A, B, C, D and 3 more')
    """
    rest = len(names) - NAMED
    return _and([*names[:NAMED], f"{rest} more"] if rest > 0 else list(names))


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
