"""What a scored batch leaves for live monitoring of the range forest's inputs."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.forecast import Forecaster
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.range_inputs import range_inputs
from ratecast.model.ranges import shoulder_scale
from ratecast.scoring.observations import observe
from tests.bundles import LEVELS, SIGMA, forest_on_noise, training_stats


def walk(count, seed=0):
    returns = np.random.default_rng(seed).normal(0, SIGMA, count)
    return (LEVELS["EUR/GBP"] * np.exp(np.cumsum(returns))).tolist()


def observed(*histories, exponent=1.0, faulty=()):
    maker = Forecaster(training_stats(exponent=exponent), OnnxModel(forest_on_noise()[0]))
    windows = maker.windows(histories, np.zeros(len(histories), dtype=np.intp))
    marks = np.isin(np.arange(len(histories)), faulty)
    kept = np.ones(len(histories), dtype=bool)
    return windows, observe(windows, maker.forecast(windows), marks, kept, np.arange(len(histories)))


def test_the_inputs_are_those_that_the_forest_saw():
    windows, found = observed(walk(61, 1), walk(200, 2))
    shoulder = shoulder_scale(windows.sums, windows.stored_twice, windows.recent_twice)
    expected = range_inputs(windows.sums, windows.sigmas, shoulder)[2:]
    np.testing.assert_array_equal(found.range_inputs, expected)


@pytest.mark.parametrize("rates", [walk(60), walk(20), [LEVELS["EUR/GBP"]] * 61], ids=["60", "20", "peg"])
def test_a_history_that_is_shorter_or_at_the_floor_has_no_inputs_and_the_others_have_theirs(rates):
    _, alone = observed(walk(61, 1))
    _, found = observed(rates, walk(61, 1))
    np.testing.assert_array_equal(found.range_inputs, alone.range_inputs)
    assert len(found.range_inputs) == len(found.input_pair_rows) == 1
    assert len(found.pair_rows) == 2


def test_a_forest_that_is_not_used_sees_nothing():
    _, found = observed(walk(61), exponent=0.0)
    assert len(found.range_inputs) == len(found.input_pair_rows) == 0
    assert len(found.pair_rows) == 1


def test_messages_with_a_faulty_rate_are_left_out():
    _, found = observed(walk(61, 1), walk(61, 2), faulty=[0])
    _, alone = observed(walk(61, 2))
    np.testing.assert_array_equal(found.range_inputs, alone.range_inputs)
