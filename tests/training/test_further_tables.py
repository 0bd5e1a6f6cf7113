"""Returns over several steps, their conformal tables, and how they fare on a random walk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ratecast.model.bundle import REPORT, load
from ratecast.model.quantiles import CENTRAL_LEVELS
from ratecast.optional_fields import HORIZONS, QUANTILES
from ratecast.rates.tables import Series
from tests.training.conftest import business_days, invented_rates
from training.dataset import PairHistory, build_rows, pair_sigmas
from training.further_results import further_results
from training.further_tables import FurtherScores, FurtherTables, further_tables
from training.horizon_returns import horizon_returns


def with_a_hole(count: int = 300) -> list[PairHistory]:
    """Two pairs; the second has a hole in the middle."""
    dates, rates = business_days(count), invented_rates(count, 0.0, 1)
    parts = (Series("B", dates[:150], rates[:150]), Series("B", dates[160:], rates[160:]))
    return [PairHistory("A", (Series("A", dates, invented_rates(count, 0.0, 2)),)), PairHistory("B", parts)]


@pytest.mark.parametrize("steps", [1, 2, 21])
def test_a_return_over_steps_is_the_sum_of_the_next_ones_and_never_crosses_a_hole(steps):
    histories = with_a_hole()
    rows = build_rows(histories, pair_sigmas(histories))
    found = horizon_returns(histories, rows, steps)
    for row in range(len(rows)):
        stretches = histories[rows.pair[row]].stretches
        (stretch,) = [s for s in stretches if rows.date[row] in s.dates]
        first = int(np.searchsorted(stretch.dates, rows.date[row]))
        if first + steps > len(stretch.dates):
            assert np.isnan(found[row])
        else:
            expected = np.log(stretch.rates[first + steps - 1] / rows.last[row])
            assert found[row] == pytest.approx(expected, rel=1e-9)
    assert np.isnan(found).sum() == 3 * (steps - 1)


def test_rows_of_some_days_only_have_the_same_returns():
    histories = with_a_hole()
    rows = build_rows(histories, pair_sigmas(histories))
    kept = rows.date > rows.date[40]
    np.testing.assert_array_equal(
        horizon_returns(histories, rows, 5)[kept], horizon_returns(histories, rows.where(kept), 5)
    )


def test_a_table_with_too_few_scores_is_missing():
    rng = np.random.default_rng(0)
    few, many = (
        FurtherScores({s: rng.random((n, 2)) for s in HORIZONS}, rng.random((n, 3))) for n in (40, 60)
    )
    assert further_tables({61: few}).central == {}
    assert further_tables({61: few}).horizons.keys() == set(HORIZONS)
    assert further_tables({61: many}).central.keys() == set(CENTRAL_LEVELS)
    short = replace(many, horizons={**many.horizons, 21: many.horizons[21][:18]})
    assert further_tables({3: short, 61: many}).horizons.keys() == {2, 5, 10}


def test_the_bundle_has_a_table_for_every_field_and_each_length(trained):
    stats = load(trained.directory.parent).stats
    lengths = stats.intervals["95"].keys()
    assert tuple(stats.horizons) == HORIZONS
    for table in (*stats.horizons.values(), stats.central_ranges):
        assert all(by_length.keys() == lengths for by_length in table.values())
    growth = [stats.horizons[steps]["80"][61] / stats.intervals["80"][61] for steps in HORIZONS]
    assert growth == pytest.approx(np.sqrt(HORIZONS), rel=0.25)  # a random walk
    assert stats.central_ranges["50"][61] < stats.intervals["80"][61]
    assert stats.intervals["95"][61] < stats.central_ranges["98"][61]


def test_the_bundle_says_how_often_each_range_held_for_each_pair(trained):
    for pair in trained.stats.pairs.values():
        assert tuple(pair.horizons_held) == HORIZONS
        assert [held.n for held in pair.horizons_held.values()] == [
            pair.ranges_held.n - steps + 1 for steps in HORIZONS
        ]


def test_results_are_those_of_counting_by_hand(trained):
    """Shares over all pairs are the mean over their rows, and the extremes are named."""
    further = trained.evaluation.further
    for steps, result in further.horizons.items():
        inside = sum(held.n * held.shares["95"] for held in result.pairs.values())
        assert result.n == sum(held.n for held in result.pairs.values())
        assert result.shares["95"].all == pytest.approx(inside / result.n, abs=1e-5), steps
        name, share = result.shares["95"].lowest
        assert share == pytest.approx(min(held.shares["95"] for held in result.pairs.values()), abs=1e-6)
        assert result.pairs[name].shares["95"] == pytest.approx(share, abs=1e-6)
    shares = [share.all for share in further.quantiles.values()]
    assert tuple(further.quantiles) == QUANTILES
    assert shares == sorted(shares)
    assert shares == pytest.approx(np.array(QUANTILES, dtype=float) / 100, abs=0.07)
    assert further.value_at_risk["falls"].rate.all == pytest.approx(further.quantiles["1"].all)


def test_a_model_without_tables_has_no_results(trained, invent):
    histories = invent(600)[:3]
    rows = build_rows(histories, pair_sigmas(histories))

    class Model:
        sigmas, quantiles = pair_sigmas(histories), trained.stats.intervals
        further = FurtherTables()

        def scales(self, rows):
            return rows.scales

        def step(self, rows):
            return np.zeros(len(rows))

    days = np.unique(rows.date)
    empty = further_results(Model(), histories, days[-50], days[-1])
    assert (empty.horizons, empty.quantiles, empty.value_at_risk) == ({}, {}, {})


def test_the_report_has_each_table_and_the_sentence_on_value_at_risk(trained):
    page = " ".join((trained.directory / REPORT).read_text().split())
    for heading in ("Ranges for several steps ahead", "Quantiles of the next rate", "Value at risk of 99 %"):
        assert f"<h2>{heading}</h2>" in page
    assert "calibrated over all pairs together and not for every one of them" in page
    for steps in HORIZONS:
        assert f'<th scope="row">{steps}</th>' in page
    assert "use 21 steps with this in mind" in page
