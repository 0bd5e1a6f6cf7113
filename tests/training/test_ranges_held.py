"""The bundle's figures of each pair are those of its own test days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.evaluate import measure
from training.ranges_held import with_ranges_held


def test_each_pair_has_its_own_days_and_a_pair_without_any_is_left_alone(trained):
    outcomes = trained.evaluation.outcomes
    days = np.unique(outcomes.date)
    shown = (outcomes.pair == 2) | (
        (outcomes.pair == 0) & (outcomes.date >= days[5]) & (outcomes.date < days[-9])
    )
    found = outcomes.where(shown)
    names = list(trained.stats.pairs)
    measured = {names[position]: measure(found.where(found.pair == position)) for position in (0, 2)}
    stats = with_ranges_held(trained.stats, replace(trained.evaluation, outcomes=found, pairs=measured))
    first, second, third = (stats.pairs[name].ranges_held for name in names)
    assert (third.first_date, third.last_date, third.n) == (str(days[0]), str(days[-1]), len(days))
    assert (first.first_date, first.last_date, first.n) == (str(days[5]), str(days[-10]), len(days) - 14)
    assert first.shares == pytest.approx(measured[names[0]].coverage, abs=1e-6)
    assert second == trained.stats.pairs[names[1]].ranges_held
    assert stats.model_copy(update={"pairs": {}}) == trained.stats.model_copy(update={"pairs": {}})
