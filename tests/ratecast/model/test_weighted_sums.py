"""Sums with weights by age: the definition, and that no row depends on its batch."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.weighted_sums import DECAY, HALF_LIVES, WeightedSums, before_and_now

FIELDS = ("counts", "weights", "sizes", "squares", "newest", "move", "steps", "largest")


def with_holes(count: int, columns: int, seed: int, share: float = 0.2) -> np.ndarray:
    generator = np.random.default_rng(seed)
    returns = 0.005 * generator.standard_t(3, size=(count, columns))
    returns[generator.random((count, columns)) < share] = np.nan
    return returns


def by_hand(returns: list[float]) -> dict[str, list[float]]:
    """Every sum return by return, newest first."""
    there = [(age, value) for age, value in enumerate(returns[::-1]) if not np.isnan(value)]
    kept = [*(0.5 ** (1 / half_life) for half_life in HALF_LIVES), 1.0, DECAY]
    month = [value for age, value in there if age < 20]
    return {
        "counts": [len(there)],
        "weights": [sum(share**age for age, _ in there) for share in kept],
        "sizes": [sum(share**age * abs(value) for age, value in there) for share in kept],
        "squares": [sum(share**age * value**2 for age, value in there) for share in kept[-2:]],
        "newest": [0.0 if np.isnan(returns[-1]) else abs(returns[-1])],
        "move": [sum(month)],
        "steps": [len(month)],
        "largest": [max((abs(value) for _, value in there), default=0.0)],
    }


def halves(returns: np.ndarray) -> tuple[WeightedSums, WeightedSums]:
    """Return the sums without the newest return, and those with it."""
    both = before_and_now(returns)
    return both.part(None, len(returns)), both.part(len(returns), None)


@pytest.mark.parametrize("columns", [2, 3, 20, 21, 22, 60])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_both_sums_follow_their_definition(columns: int, share: float) -> None:
    returns = with_holes(6, columns, seed=columns, share=share)
    for sums, summed in zip(halves(returns), (returns[:, :-1], returns), strict=True):
        for row, values in enumerate(summed.tolist()):
            for name, expected in by_hand(values).items():
                found = np.atleast_1d(getattr(sums, name)[row]).tolist()
                assert found == pytest.approx(expected, rel=1e-12, abs=1e-18), name


@pytest.mark.parametrize("columns", [2, 3, 20, 37, 60])
def test_ranks_are_those_of_the_sorted_sizes_that_are_there(columns: int) -> None:
    returns = with_holes(200, columns, seed=columns)
    for sums, summed in zip(halves(returns), (returns[:, :-1], returns), strict=True):
        ordered = [np.sort(np.abs(row[~np.isnan(row)])) for row in summed]
        for share in (0.0, 0.3, 0.5, 0.8, 0.999):
            ranks = np.array([int(share * len(row)) for row in ordered])
            expected = [row[rank] if len(row) else 0.0 for row, rank in zip(ordered, ranks, strict=True)]
            assert sums.ranked(ranks).tolist() == expected


def test_a_jump_leaves_no_trace_in_the_sums_before_it() -> None:
    calm = with_holes(1, 60, seed=1, share=0.0)
    jumped = calm.copy()
    jumped[0, -1] = (
        700.0  # a rate near the end of float64: subtracting it again would leave nothing of the others
    )
    for name in FIELDS:
        one, other = (getattr(halves(returns)[0], name) for returns in (calm, jumped))
        assert one.tobytes() == other.tobytes(), name


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_row_alone_is_bit_for_bit_the_row_in_a_batch_with_holes_and_without(share: float) -> None:
    returns = with_holes(1000, 60, seed=1, share=share)
    returns[::2] = with_holes(500, 60, seed=2, share=0.0)
    together = halves(returns)
    for row in range(0, 1000, 37):
        alone = halves(returns[row : row + 1])
        for name in (*FIELDS, "ordered"):
            for one, other in zip(alone, together, strict=True):
                assert getattr(one, name)[0].tobytes() == getattr(other, name)[row].tobytes(), name


def test_replaced_rows_are_those_of_the_other_sums_and_the_others_stay() -> None:
    first, second = (before_and_now(with_holes(5, 60, seed)) for seed in (1, 2))
    histories = np.array([3, 0])
    replaced = first.with_histories(histories, before_and_now(with_holes(5, 60, seed=2)[histories]))
    for name in FIELDS:
        found = getattr(replaced, name)
        for half in (0, 5):
            new, old = [half + 0, half + 3], [half + 1, half + 2, half + 4]
            np.testing.assert_array_equal(found[new], getattr(second, name)[new])
            np.testing.assert_array_equal(found[old], getattr(first, name)[old])
    ranks = np.full(10, 20)
    np.testing.assert_array_equal(replaced.ranked(ranks)[[0, 3, 5, 8]], second.ranked(ranks)[[0, 3, 5, 8]])
    np.testing.assert_array_equal(replaced.ranked(ranks)[[1, 2, 4]], first.ranked(ranks)[[1, 2, 4]])
