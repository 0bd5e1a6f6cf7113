"""The report: one HTML file with its pictures inside, whose first sentence is the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training import pages, pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.model.training_stats import TrainingStats
    from training.evaluate import Evaluation

TEMPLATE = "report.html.j2"
FAN_PAIRS = 4


def render(
    stats: TrainingStats, evaluation: Evaluation, skipped: dict[str, str], notes: Sequence[str] = ()
) -> str:
    """The page.

    Args:
        stats: of the model that serves.
        evaluation: of the same recipe on earlier days.
        skipped: pairs that were left out, and why.
        notes: what else was not learnt from, in sentences.
    """
    return pages.render(
        Path(__file__).with_name(TEMPLATE),
        stats=stats,
        evaluation=evaluation,
        skipped=skipped,
        notes=notes,
        levels=LEVELS,
        lengths=sorted(stats.intervals[LEVELS[0]]),
        fan=pictures.fan(evaluation.outcomes, fan_pairs(stats, evaluation)),
        ratios=pictures.error_ratios(evaluation.pairs),
        coverage=pictures.coverage(evaluation.years) if evaluation.years else None,
    )


def fan_pairs(stats: TrainingStats, evaluation: Evaluation) -> dict[str, int]:
    """The default pair, then the calmest, the middle and the wildest of the rest: name -> position."""
    names = list(stats.pairs)
    tested = [name for name in names if name in evaluation.pairs and name != stats.default_pair]
    by_sigma = sorted(tested, key=lambda name: stats.pairs[name].sigma)
    spread = np.linspace(0, len(by_sigma) - 1, min(FAN_PAIRS - 1, len(by_sigma))).astype(int)
    first = [stats.default_pair] if stats.default_pair in evaluation.pairs else []
    return {name: names.index(name) for name in first + [by_sigma[i] for i in spread]}
