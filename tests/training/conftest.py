"""Invented rates without a signal, unless a test plants one."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.rates.tables import Series
from training.dataset import PairHistory
from training.forests import ForestSettings
from training.train import train
from training.train_options import TrainOptions

SMALL_FOREST = ForestSettings(trees=20)
NAMES = ("EUR/GBP", "EUR/USD", "EUR/JPY", "EUR/CHF", "EUR/SEK", "EUR/NOK")


def business_days(count, start="2018-01-01"):
    return np.busday_offset(start, np.arange(count), roll="forward").astype("datetime64[D]")


def invented_rates(count, phi, seed, sigma=0.005):
    """A rate whose standardised returns follow an AR(1) with coefficient phi; 0 is a random walk."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(count)
    returns = np.zeros(count)
    for step in range(1, count):
        returns[step] = phi * returns[step - 1] + noise[step]
    return np.exp(sigma * np.cumsum(returns))


@pytest.fixture(scope="session")
def invent():
    """Histories of six invented pairs."""

    def _invent(count=1200, phi=0.0, seed=0):
        dates = business_days(count)
        return [
            PairHistory(name, (Series(name, dates, invented_rates(count, phi, 100 * seed + position)),))
            for position, name in enumerate(NAMES)
        ]

    return _invent


@pytest.fixture(scope="session")
def small_forest():
    return SMALL_FOREST


def csv_text(histories):
    (first,) = histories[0].stretches
    lines = ["date," + ",".join(history.pair for history in histories)]
    columns = [history.stretches[0].rates for history in histories]
    lines += [
        f"{day}," + ",".join(repr(float(column[row])) for column in columns)
        for row, day in enumerate(first.dates)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def write_csv(tmp_path_factory):
    def _write(histories):
        path = tmp_path_factory.mktemp("rates") / "rates.csv"
        path.write_text(csv_text(histories))
        return path

    return _write


@pytest.fixture(scope="session")
def trained(invent, write_csv, tmp_path_factory):
    """One small training run on a random walk, shared by the tests that only look at its result."""
    models_dir = tmp_path_factory.mktemp("models")
    histories = invent(600)[:3]
    return train(TrainOptions(models_dir=models_dir, csv=write_csv(histories), forest=SMALL_FOREST))
