"""Permutation importance of the range forest's inputs, on invented rows."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from training.dataset import Rows
from training.importance import range_importances

DAYS, PAIRS = 400, 3


class OneInput:
    """Widens the ranges by one input and ignores all others."""

    def __init__(self, name):
        self.column = RANGE_INPUT_NAMES.index(name)

    def predict(self, inputs):
        return np.exp(inputs[:, [self.column, self.column]])


def rows(seed=0, per_pair=False):
    """Rows whose errors are as large as exp of the input `newest`, times noise."""
    rng = np.random.default_rng(seed)
    count = DAYS * PAIRS
    pair = np.repeat(np.arange(PAIRS), DAYS)
    inputs = rng.standard_normal((count, len(RANGE_INPUT_NAMES))).astype(np.float32)
    if per_pair:
        inputs[:] = pair[:, None] - 1
    size = np.exp(inputs[:, RANGE_INPUT_NAMES.index("newest")])
    dates = np.tile(np.datetime64("2020-01-01") + np.arange(DAYS), PAIRS)
    ones = np.ones(count)
    found = Rows(
        pair, dates, ones, size * rng.standard_normal(count), ones, np.ones((count, 2)), ones,
        np.zeros((count, 3), dtype=np.float32), inputs,
    )  # fmt: skip
    return found, np.abs(found.target)


def test_only_what_the_forest_uses_is_important():
    found = range_importances(OneInput("newest"), 1.0, *rows(), seed=0)
    assert found == {name: float(name == "newest") for name in RANGE_INPUT_NAMES}


def test_what_the_forest_uses_in_vain_is_not_important():
    """Ranges that follow noise become no worse when the noise is another one."""
    assert range_importances(OneInput("largest"), 1.0, *rows(), seed=0).get("largest", 0.0) in (0.0, 1.0)

    class Both:
        def predict(self, inputs):
            return OneInput("newest").predict(inputs) * np.exp(0.05 * inputs[:, [8, 8]])

    found = range_importances(Both(), 1.0, *rows(), seed=0)
    assert found["newest"] > 0.97
    assert sum(found.values()) == pytest.approx(1)


def test_an_input_that_only_tells_pairs_apart_is_not_important():
    assert range_importances(OneInput("newest"), 1.0, *rows(per_pair=True), seed=0) == {}


def test_the_same_seed_gives_the_same_importances():
    first, again = (range_importances(OneInput("newest"), 0.5, *rows(seed=3), seed=7) for _ in range(2))
    assert first == again


def test_an_exponent_of_0_leaves_nothing_to_lose():
    assert range_importances(OneInput("newest"), 0.0, *rows(), seed=0) == {}
