"""The whole report as values: every pair's measures and findings, and the headline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.model.classic_drift import level_bounds
from training.drift_report import feed, market, measures, model_age
from training.drift_report.advice import NAMED, headline, listed
from training.drift_report.findings import Action
from training.drift_report.pair_report import PairReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from ratecast.model.training_stats import TrainingStats
    from training.drift_report.tape import Messages, PairMessages

_GAP_DAYS = 5  # the longest weekend, for a pair that the bundle has no limit of


@dataclass(frozen=True)
class DriftReport:
    """What was found of a span.

    Attributes:
        source: where the messages came from, in words.
        stats: of the model they are held to.
        messages: what was read.
        pairs: in the order of urgency, what still goes on first, then of the model.
        headline: what to do, in a few sentences.
        notes: what a reader must know about what was and was not compared.
    """

    source: str
    stats: TrainingStats
    messages: Messages
    pairs: list[PairReport]
    headline: str
    notes: list[str]

    @property
    def span(self) -> tuple[str, str]:
        """First and last day of what was compared."""
        tables = [report.messages for report in self.pairs]
        first = min(tables, key=lambda table: table.when[0])
        last = max(tables, key=lambda table: table.when[-1])
        return first.day(0), last.day(len(last) - 1)


def analyse(
    stats: TrainingStats,
    messages: Messages,
    source: str,
    std_threshold: float | None = None,
    notes: Sequence[str] = (),
) -> DriftReport:
    """Hold predictions to a model.

    Args:
        stats: the model's.
        messages: of one pair or more.
        source: where they came from, for the reader.
        std_threshold: the classic rule's bound in standard deviations; the bundle's when None.
        notes: what the caller has to add.
    """
    threshold = stats.drift_std_threshold if std_threshold is None else std_threshold
    newest = max(table.when[-1] for table in messages.pairs.values())
    reports = [_pair(stats, table, newest, threshold) for table in messages.pairs.values()]
    urgency = list(Action)
    # Stable: within an action, what still goes on and what has ended as the model has them.
    reports.sort(key=lambda report: (urgency.index(report.action), not report.goes_on))
    return DriftReport(
        source, stats, messages, reports, headline(reports), [*_notes(stats, messages), *notes]
    )


def _pair(
    stats: TrainingStats, table: PairMessages, newest: np.datetime64, std_threshold: float
) -> PairReport:
    own, references = stats.pairs[table.pair], stats.feature_drift.get(table.pair, {})
    limits = stats.quality.pairs.get(table.pair)
    kept = measures.untainted(table)
    drifted = measures.drifted(table.features, own, std_threshold)
    paths = measures.score_paths(table, kept, references)
    answers = measures.answers(table)
    bounds = level_bounds(own, std_threshold)
    level = model_age.old_level(table, drifted, kept, bounds, paths)
    return PairReport(
        messages=table,
        stats=own,
        references=references,
        level_bounds=bounds,
        kept=kept,
        drifted=drifted,
        paths=paths,
        answers=answers,
        rolling=measures.rolling(answers),
        findings=[
            *feed.faults(
                table,
                newest,
                feed.FeedLimits(limits.gap_days if limits else _GAP_DAYS, stats.quality.level_step),
            ),
            *model_age.accuracy(table, answers),
            *([] if level is None else [level]),
            *market.changes(table, kept, own, paths),
        ],
    )


def _notes(stats: TrainingStats, messages: Messages) -> list[str]:
    notes = []
    others = {name: count for name, count in messages.versions.items() if name != stats.model_version}
    if others:
        made = ", ".join(f"{count:,} by {name}" for name, count in list(others.items())[:NAMED])
        notes.append(
            f"{sum(others.values()):,} of {sum(messages.versions.values()):,} predictions were made by another model "
            f"than {stats.model_version} ({made}); they are compared with it anyway, their ranges and alerts are "
            "the other model's."
        )
    if messages.undated:
        notes.append(
            f"{messages.undated:,} predictions carry no as_of: nothing says when they belong, they are left out."
        )
    if messages.repeated:
        notes.append(
            f"{messages.repeated:,} predictions repeat a pair and time; of each the one scored last is taken."
        )
    if messages.unreadable:
        notes.append(f"{messages.unreadable:,} records are no predictions and are left out.")
    if messages.unknown:
        total = sum(messages.unknown.values())
        notes.append(
            f"{total:,} predictions are of pairs the model does not know: {listed(list(messages.unknown))}."
        )
    return notes
