"""How often the ranges of each pair held the next rate on the test days, for the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.training_stats import RangesHeld

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.model.training_stats import TrainingStats
    from training.evaluate import Evaluation


def with_ranges_held(stats: TrainingStats, evaluation: Evaluation) -> TrainingStats:
    """Returns the statistics with the figures of the report's test days by pair; pairs without test days have none.

    Args:
        stats: statistics of the final model.
        evaluation: test of a model that was fitted the same way to the days before the test days.
    """
    names: Sequence[str] = tuple(stats.pairs)
    outcomes = evaluation.outcomes
    pairs = dict(stats.pairs)
    for position in np.unique(outcomes.pair).tolist():
        name, days = names[position], outcomes.date[outcomes.pair == position]
        metrics = evaluation.pairs[name]
        held = RangesHeld(
            n=metrics.n,
            first_date=str(days.min()),
            last_date=str(days.max()),
            shares={level: round(share, 6) for level, share in metrics.coverage.items()},
        )
        pairs[name] = pairs[name].model_copy(
            update={"ranges_held": held, "horizons_held": _horizons_held(evaluation, name)}
        )
    return stats.model_copy(update={"pairs": pairs})


def _horizons_held(evaluation: Evaluation, name: str) -> dict[int, RangesHeld]:
    """Returns the figures of a pair by steps ahead; steps without test days are missing."""
    further = evaluation.further
    results = {} if further is None else further.horizons
    return {steps: result.pairs[name] for steps, result in results.items() if name in result.pairs}
