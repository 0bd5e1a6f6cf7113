"""Computes the content of a drift report: measures and findings of every pair, the headline and notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.model.classic_drift import level_bounds
from training.drift_report import feed_faults, market, measures, model_age
from training.drift_report.drift_headline import NAMED, Advice, advice, listed
from training.drift_report.findings import Action
from training.drift_report.pair_report import PairReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from ratecast.model.training_stats import TrainingStats
    from training.drift_report.prediction_table import Messages, PairMessages

_GAP_DAYS = 5  # the longest weekend; used for a pair without a limit in the bundle


@dataclass(frozen=True)
class DriftReport:
    """Content of a drift report.

    Attributes:
        source: where the messages came from, in words.
        stats: statistics of the model that they are compared with.
        messages: the predictions.
        pairs: the most urgent first, then ongoing before ended, then in the order of the model.
        advice: what to do, one sentence for each action, the most urgent first.
        notes: sentences on what was not compared, or only with limits.
    """

    source: str
    stats: TrainingStats
    messages: Messages
    pairs: list[PairReport]
    advice: list[Advice]
    notes: list[str]

    @property
    def headline(self) -> str:
        """What to do, in a few sentences."""
        return " ".join(sentence.text for sentence in self.advice)

    @property
    def span(self) -> tuple[str, str]:
        """First and last day of the compared messages."""
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
    """Compares predictions with a model.

    Args:
        stats: statistics of the model.
        messages: predictions of one pair or more.
        source: where they came from, in words.
        std_threshold: threshold of the classic rule in standard deviations; that of the bundle when None.
        notes: more notes for the reader.
    """
    threshold = stats.drift_std_threshold if std_threshold is None else std_threshold
    newest = max(table.when[-1] for table in messages.pairs.values())
    reports = [_pair(stats, table, newest, threshold) for table in messages.pairs.values()]
    urgency = list(Action)
    # The sort is stable: pairs that are equally urgent stay in the order of the model.
    reports.sort(key=lambda report: (urgency.index(report.action), not report.goes_on))
    return DriftReport(source, stats, messages, reports, advice(reports), [*_notes(stats, messages), *notes])


def _pair(
    stats: TrainingStats, table: PairMessages, newest: np.datetime64, std_threshold: float
) -> PairReport:
    training, references = stats.pairs[table.pair], stats.feature_drift.get(table.pair, {})
    limits = stats.quality.pairs.get(table.pair)
    kept = measures.trusted(table)
    drifted = measures.drifted(table.features, training, std_threshold)
    paths = measures.score_paths(table, kept, references)
    answers = measures.answers(table)
    bounds = level_bounds(training, std_threshold)
    level = model_age.old_level(table, drifted, kept, bounds, paths)
    return PairReport(
        messages=table,
        stats=training,
        references=references,
        level_bounds=bounds,
        kept=kept,
        drifted=drifted,
        paths=paths,
        answers=answers,
        rolling=measures.rolling(answers),
        findings=[
            *feed_faults.faults(
                table,
                newest,
                feed_faults.FeedLimits(limits.gap_days if limits else _GAP_DAYS, stats.quality.level_step),
            ),
            *model_age.accuracy(table, answers),
            *([] if level is None else [level]),
            *market.changes(table, kept, training, paths),
        ],
    )


def _notes(stats: TrainingStats, messages: Messages) -> list[str]:
    notes = []
    others = {name: count for name, count in messages.versions.items() if name != stats.model_version}
    if others:
        made = ", ".join(f"{count:,} by {name}" for name, count in list(others.items())[:NAMED])
        notes.append(
            f"{sum(others.values()):,} of {sum(messages.versions.values()):,} predictions were made by another model "
            f"than {stats.model_version} ({made}). They are compared with {stats.model_version} as well, but their "
            "ranges and alerts come from the other model."
        )
    if messages.undated:
        notes.append(f"{messages.undated:,} predictions without a readable as_of were left out.")
    if messages.repeated:
        notes.append(
            f"{messages.repeated:,} predictions have the same pair and time as another one. "
            "Only the one that was scored last counts."
        )
    if messages.unreadable:
        notes.append(f"{messages.unreadable:,} records that are not predictions were left out.")
    if messages.unknown:
        total = sum(messages.unknown.values())
        notes.append(
            f"{total:,} predictions of pairs that the model does not know were left out: "
            f"{listed(list(messages.unknown))}."
        )
    return notes
