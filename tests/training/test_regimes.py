from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from ratecast.model.features import ewma_volatility
from training.dataset import build_rows, pair_sigmas
from training.regimes import SHOCK_SIGMAS, after_shock, terciles


def test_terciles_are_equally_large_and_ordered_by_volatility():
    volatility = np.random.default_rng(0).lognormal(size=999)
    code = terciles(volatility)
    assert np.bincount(code).tolist() == [333, 333, 333]
    assert volatility[code == 0].max() < volatility[code == 1].min()
    assert volatility[code == 1].max() < volatility[code == 2].min()


def test_days_of_equal_volatility_are_one_regime():
    assert len(set(terciles(np.ones(10)).tolist())) == 1
    assert terciles(np.zeros(0)).tolist() == []


@pytest.mark.parametrize("seed", [0, 1])
def test_days_after_a_shock_are_those_of_the_definition(invent, seed):
    histories = invent(1200, seed=seed)
    sigmas = pair_sigmas(histories)
    rows = build_rows(histories, sigmas)
    returns = np.concatenate(
        [sliding_window_view(np.diff(np.log(h.stretches[0].rates)), 60)[:-1] for h in histories]
    )
    stored = sigmas[rows.pair]
    before = ewma_volatility(returns[:, :-1], stored, stored)
    expected = np.abs(returns[:, -1]) > SHOCK_SIGMAS * before
    assert expected.sum() > 10
    assert after_shock(rows).tolist() == expected.tolist()
