"""Whether ranges of any level would hold what they promise, not only those of the two levels that are published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.conformal import conformal_quantile
from training.coverage_interval import HeldShare, coverage_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.evaluate import Outcomes

PROMISED = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


def reliability(calibration: Outcomes, test: Outcomes) -> tuple[HeldShare, ...]:
    """Returns how often ranges of each level in ``PROMISED`` would have held the test rates.

    They are made by the recipe of the published ranges: a conformal quantile of the calibration errors times a scale.
    Levels up to 80 % have the scale of the narrow range, the others that of the wide one.

    Args:
        calibration: outcomes on the days that the model's quantiles come from.
        test: outcomes on later days, at least one.
    """
    known, later = _scores(calibration), _scores(test)
    points = []
    for promised in PROMISED:
        column = int(promised > int(LEVELS[0]) / 100)
        try:
            quantile = conformal_quantile(known[:, column], promised)
        except ValueError:  # too few calibration errors for so high a level
            continue
        inside = later[:, column] <= quantile
        points.append(HeldShare(promised, float(inside.mean()), *coverage_interval(inside, test.date)))
    return tuple(points)


def _scores(outcomes: Outcomes) -> NDArray[np.float64]:
    """Returns |error| over the half width of each range, ``(n, 2)``, columns ``LEVELS``.

    The narrow range of a peg has no width. It holds a rate that stands still, with score 0, and no other.
    """
    error = np.abs(outcomes.actual - outcomes.step)[:, None]
    without_width = np.where(error > 0, np.inf, 0.0) * np.ones_like(outcomes.half)
    return np.asarray(np.divide(error, outcomes.half, out=without_width, where=outcomes.half > 0))
