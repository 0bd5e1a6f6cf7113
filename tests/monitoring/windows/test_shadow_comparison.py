"""Champion and shadow on the same forecasts: what counts, in which unit, and what the sums are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitoring.windows.shadow_comparison import ModelSums, PairSums, compare
from ratecast.scoring.observations import HindcastErrors
from tests.bundles import SIGMA, training_stats

STATS = training_stats()


def hindcasts(offsets, error, half=(1.0, 2.0), pair_rows=None):
    """Hindcasts with errors and half widths in sigmas."""
    error, count = SIGMA * np.array(error), len(offsets)
    half = np.tile(SIGMA * np.array(half), (count, 1))
    return HindcastErrors(
        pair_rows=np.zeros(count, np.intp) if pair_rows is None else np.array(pair_rows),
        error=error,
        naive=2 * error,
        inside=error[:, None] <= half,
        z=error / SIGMA,
        alerted=np.zeros(count, dtype=bool),
        half=half,
        offsets=np.array(offsets),
    )


def near(sums):
    return pytest.approx(sums, rel=1e-12)


def test_the_sums_are_those_of_the_formulas_and_can_be_added():
    # Winkler: 2 half + 2 / alpha * outside, alpha 0.2 and 0.05.
    champion, shadow = hindcasts([7, 8], [0.5, 3.0]), hindcasts([7, 8], [0.5, 3.0], half=(2.0, 4.0))
    (found,) = compare(champion, shadow, STATS, STATS).values()
    assert (found.forecasts, found.last_rate_error) == (2, near(7.0))
    assert (found.champion.error, found.champion.inside) == (near(3.5), (1, 1))
    assert found.champion.winkler == (near(2 + 2 + 10 * 2.0), near(4 + 4 + 40 * 1.0))
    assert (found.shadow.error, found.shadow.inside) == (near(3.5), (1, 2))
    assert found.shadow.winkler == (near(4 + 4 + 10 * 1.0), near(8 + 8))
    one, other = ModelSums(1.0, (2.0, 3.0), (4, 5)), ModelSums(10.0, (20.0, 30.0), (40, 50))
    assert PairSums(1, 0.5, one, other) + PairSums(2, 0.25, other, one) == PairSums(
        3, 0.75, ModelSums(11.0, (22.0, 33.0), (44, 55)), ModelSums(11.0, (22.0, 33.0), (44, 55))
    )


def test_only_messages_that_both_models_forecast_count_whatever_their_order():
    champion, shadow = hindcasts([3, 1, 2], [0.3, 0.1, 0.2]), hindcasts([2, 5, 3], [0.2, 0.5, 0.3])
    (found,) = compare(champion, shadow, STATS, STATS).values()
    assert found.forecasts == 2
    assert found.champion.error == found.shadow.error == near(0.5)


@pytest.mark.parametrize("who", ["champion", "shadow"])
def test_a_fault_of_the_feed_or_a_figure_that_is_not_finite_of_either_model_counts_for_none(who):
    sides = {
        "champion": hindcasts([1, 2, 3], [0.1, 0.2, 0.3]),
        "shadow": hindcasts([1, 2, 3], [0.1, 0.2, 0.3]),
    }
    broken = sides[who].error.copy()
    broken[1] = np.nan
    sides[who] = replace(sides[who], alerted=np.array([True, False, False]), error=broken)
    (found,) = compare(sides["champion"], sides["shadow"], STATS, STATS).values()
    assert found.forecasts == 1
    assert found.champion.error == near(0.3)


def test_pairs_are_matched_by_name_and_the_unit_is_the_champions():
    names = list(STATS.pairs)
    wide = {pair: STATS.pairs[pair].model_copy(update={"sigma": 9.0}) for pair in (names[1], names[0])}
    other = STATS.model_copy(update={"pairs": wide})
    champion = hindcasts([1, 2, 3], [0.1, 0.2, 0.3], pair_rows=[0, 1, 1])
    # Row 0 of the shadow is the champion's row 1. Message 3, which names no pair, has another default pair there.
    shadow = hindcasts([1, 2, 3], [0.1, 0.2, 0.3], pair_rows=[1, 0, 1])
    found = compare(champion, shadow, STATS, other)
    assert {pair: (sums.forecasts, sums.shadow.error) for pair, sums in found.items()} == {
        names[0]: (1, near(0.1)),
        names[1]: (1, near(0.2)),
    }


def test_nothing_in_common_is_nothing():
    assert compare(hindcasts([1], [0.1]), hindcasts([2], [0.1]), STATS, STATS) == {}
    unknown = STATS.model_copy(update={"pairs": {"EUR/XXX": STATS.pairs["EUR/GBP"]}})
    assert compare(hindcasts([1], [0.1]), hindcasts([1], [0.1]), STATS, unknown) == {}
