"""The training report: one HTML file whose first sentence says how good the model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.html_page import render_page
from training.report import training_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.model.training_stats import TrainingStats
    from training.evaluate import Evaluation

TEMPLATE = "training_page.html.j2"
FAN_PAIRS = 4


def render(
    stats: TrainingStats, evaluation: Evaluation, skipped: dict[str, str], notes: Sequence[str] = ()
) -> str:
    """Returns the report as HTML.

    Args:
        stats: statistics of the model in the bundle.
        evaluation: results of a model trained the same way on earlier days.
        skipped: pair -> why it was left out.
        notes: sentences on other rates that training left out and on figures that are missing.
    """
    return render_page(
        Path(__file__).with_name(TEMPLATE),
        stats=stats,
        evaluation=evaluation,
        skipped=skipped,
        notes=notes,
        levels=LEVELS,
        lengths=sorted(stats.intervals[LEVELS[0]]),
        fan=training_figures.fan(evaluation.outcomes, fan_pairs(stats, evaluation)),
        ratios=training_figures.error_ratios(evaluation.pairs),
        coverage=training_figures.coverage(evaluation.years) if evaluation.years else None,
    )


def fan_pairs(stats: TrainingStats, evaluation: Evaluation) -> dict[str, int]:
    """Returns the pairs to draw, name -> position: the default pair, then a calm, a middling and a volatile one."""
    names = list(stats.pairs)
    tested = [name for name in names if name in evaluation.pairs and name != stats.default_pair]
    by_sigma = sorted(tested, key=lambda name: stats.pairs[name].sigma)
    spread = np.linspace(0, len(by_sigma) - 1, min(FAN_PAIRS - 1, len(by_sigma))).astype(int)
    first = [stats.default_pair] if stats.default_pair in evaluation.pairs else []
    return {name: names.index(name) for name in first + [by_sigma[i] for i in spread]}
