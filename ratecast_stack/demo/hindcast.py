"""The accuracy of past forecasts: the last rate of a message is the answer to the forecast before it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.accuracy_measures import coverage, error_ratio
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ratecast.contract.wire import PredictionRow


@dataclass(frozen=True)
class Hindcast:
    """The accuracy of forecasts whose answer is known."""

    forecasts: int
    mae_ratio: (
        float  # mean absolute relative error, divided by that of the last rate; below 1 beats the last rate
    )
    coverage: dict[str, float]  # level -> share of answers within the range

    def as_dict(self) -> dict[str, object]:
        """Returns the values for JSON."""
        return {"forecasts": self.forecasts, "mae_ratio": self.mae_ratio, "coverage": self.coverage}


def hindcast(series: Iterable[Sequence[PredictionRow]]) -> Hindcast | None:
    """Measure the accuracy of forecasts.

    Errors are relative to the last rate, so that a pair quoted near 160 has the same weight as one near 1.

    Args:
        series: the predictions of each pair in order of time, without holes.

    Returns:
        None if no forecast has an answer yet.
    """
    errors, naive, inside = [], [], []
    for rows in series:
        for row, following in pairwise(rows):
            actual = following.baseline
            errors.append(abs(actual - row.prediction) / row.baseline)
            naive.append(abs(actual - row.baseline) / row.baseline)
            levels = (row.intervals.level_80, row.intervals.level_95)
            inside.append([lower <= actual <= upper for lower, upper in levels])
    if not errors:
        return None
    ratio = error_ratio(float(np.sum(errors)), float(np.sum(naive)))
    return Hindcast(
        forecasts=len(errors),
        mae_ratio=float("nan") if ratio is None else ratio,
        coverage=dict(zip(LEVELS, coverage(np.array(inside)), strict=True)),
    )
