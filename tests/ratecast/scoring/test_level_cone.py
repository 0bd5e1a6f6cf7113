"""The cone by its definition, and which steps lead back into it."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.forecast import Forecaster
from ratecast.model.onnx_model import OnnxModel
from ratecast.scoring.level_cone import LevelCone, Reach
from tests.bundles import LEVELS, SIGMA, forest_on_noise, training_stats

STATS = training_stats()
FORECASTER = Forecaster(STATS, OnnxModel(forest_on_noise()[0]))
TRAINING = STATS.pairs["EUR/GBP"]
SIGMAS = 5.0
LAST_DAY = np.datetime64(TRAINING.last_date).astype(float)


def outside(rate: float, days_since_training: float) -> str | None:
    """Return the alert text for a history that ends with a rate of that day (NaN for no date)."""
    windows = FORECASTER.windows([[LEVELS["EUR/GBP"]] * 3 + [rate]], np.zeros(1, dtype=np.intp))
    reach = LevelCone(np.array([SIGMAS]), [TRAINING]).reach(
        windows, np.array([LAST_DAY + days_since_training])
    )
    return reach.outside(np.array([rate])).get(0)


# Trading days are five of seven; twenty are added; without a date it is six years.
@pytest.mark.parametrize(
    ("days", "trading_days", "ending"),
    [
        (0, 20, "even allowing for the time since then"),
        (700, 520, "even allowing for the time since then"),
        (-700, 520, "even allowing for the time since then"),
        (np.nan, 6 * 365 * 5 / 7 + 20, "even allowing for 6 years of drift (the message has no date)"),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_cone_ends_so_many_sigmas_of_a_random_walk_from_the_last_training_rate(
    days: float, trading_days: float, ending: str, direction: int
) -> None:
    walk = SIGMA * np.sqrt(trading_days)
    assert outside(TRAINING.last_rate * np.exp(direction * 4.99 * walk), days) is None
    text = outside(TRAINING.last_rate * np.exp(direction * 5.01 * walk), days)
    assert text is not None
    assert text.startswith("level cone: 5.01 sigma from the last training rate")
    assert text.endswith(ending)


@pytest.mark.parametrize(
    ("before", "newest", "back"),
    [
        (100.0, 1.0, True),
        (0.01, 1.0, True),
        (100.0, 1.5, True),  # not at the centre, but much nearer than it was
        (1.1, 1.0, False),  # it was never outside
        (100.0, 3.0, False),  # from outside to outside
        (100.0, 0.3, False),
        (2.5, 1.9, False),  # inside, but hardly nearer
        (2.5, 1.5, True),
        (0.4, 0.53, False),
    ],
)
def test_a_way_back_leads_from_outside_well_into_the_cone(before: float, newest: float, back: bool) -> None:
    one = np.ones(1)
    reach = Reach(np.zeros(1), one, np.log(one / 2), np.log(2 * one), np.array([True]))
    rows = np.zeros(1, dtype=np.intp)
    assert reach.ways_back(rows, np.array([before]), np.array([newest])).tolist() == [back]


def test_a_way_back_is_measured_from_the_centre_of_each_cone() -> None:
    centre = np.log(np.array([1.0, 150.0]))
    reach = Reach(centre, np.ones(2), centre - 0.5, centre + 0.5, np.array([True, True]))
    rows = np.array([1, 0], dtype=np.intp)
    found = reach.ways_back(rows, np.array([15_000.0, 15_000.0]), np.array([150.0, 150.0]))
    assert found.tolist() == [True, False]
