"""The forecast, its range, its hindcast and the classic drift rule, by their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.model import features, ranges
from ratecast.model.classic_drift import MAX_SCORE
from ratecast.model.features import FEATURE_NAMES, FLOOR_SHARE, PRIOR_WEIGHT
from ratecast.model.forecast import Forecaster
from ratecast.model.onnx_model import OnnxModel
from tests.bundles import LEVELS, QUANTILES, SIGMA, forest_on_noise, training_stats


class Steps:
    """A forest with known outputs, a constant or one of its inputs, that records its inputs."""

    def __init__(self, constant: float = 0.0, column: int | None = None) -> None:
        self._constant, self._column = constant, column
        self.asked: list[np.ndarray] = []

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        self.asked.append(inputs)
        found = np.full(len(inputs), self._constant)
        return found if self._column is None else found + inputs[:, self._column]


class Factors:
    """A range forest with known factors, constant or moved by an input, that records its inputs."""

    def __init__(self, *constant: float, column: int | None = None) -> None:
        self._constant, self._column = np.array(constant or (1.0, 1.0)), column
        self.asked: list[np.ndarray] = []

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        self.asked.append(inputs)
        found = np.tile(self._constant, (len(inputs), 1))
        return found if self._column is None else found + np.abs(inputs[:, [self._column]])


def history(count: int = 61, seed: int = 2, level: float = LEVELS["EUR/GBP"]) -> list[float]:
    steps = np.random.default_rng(seed).normal(scale=SIGMA, size=count)
    return [float(rate) for rate in level * np.exp(np.cumsum(steps))]


def forecaster(
    shrinkage: float = 0.0,
    model: Steps | None = None,
    std: float | None = None,
    *,
    factors: Factors | None = None,
    exponent: float = 1.0,
) -> Forecaster:
    stats = training_stats(shrinkage=shrinkage, exponent=exponent)
    return Forecaster(stats, factors or Factors(), model or Steps(), std)


def made_ready(maker: Forecaster, *histories: list[float], pair: str = "EUR/GBP"):
    return maker.windows(list(histories), np.full(len(histories), maker.pair_index[pair], dtype=np.intp))


@pytest.mark.parametrize("shrinkage", [0.0, 0.25, 1.0])
def test_a_forecast_is_the_last_rate_times_a_shrunken_step_in_units_of_volatility(shrinkage: float) -> None:
    maker = forecaster(shrinkage, Steps(0.7))
    windows = made_ready(maker, history(), history(30, seed=5))
    found = maker.forecast(windows)
    expected = [
        rates[-1] * math.exp(shrinkage * 0.7 * sigma)
        for rates, sigma in zip((history(), history(30, seed=5)), windows.sigma, strict=True)
    ]
    assert found.prediction == pytest.approx(expected, rel=1e-12)


def test_the_forest_gets_the_last_two_returns_in_sigmas_and_the_ratio_of_volatilities() -> None:
    maker = forecaster(1.0, model := Steps())
    windows = made_ready(maker, rates := history())
    maker.forecast(windows)
    sigma = windows.sigma[0]
    returns = np.diff(np.log(rates))
    expected = [returns[-1] / sigma, returns[-2] / sigma, math.log(sigma / SIGMA)]
    assert model.asked[0][0].tolist() == pytest.approx(expected, rel=1e-5)


# The tables are of 3, 21 and 61 rates: a history takes that of the longest not longer than itself.
@pytest.mark.parametrize(
    ("count", "table"), [(3, 3), (20, 3), (21, 21), (60, 21), (61, 61), (62, 61), (500, 61)]
)
def test_a_range_is_a_quantile_of_its_length_times_its_scale_around_the_forecast(
    count: int, table: int
) -> None:
    maker = forecaster(1.0, Steps(0.3))
    windows = made_ready(maker, history(count))
    found = maker.forecast(windows)
    stored = np.array([SIGMA])
    scales = ranges.range_scales(windows.returns, windows.sigma, stored, stored)[0]
    widths = [QUANTILES[level][table] * scale for level, scale in zip(("80", "95"), scales, strict=True)]
    assert widths[0] < widths[1]
    centre = float(found.prediction[0])
    assert found.lower[0].tolist() == pytest.approx([centre * math.exp(-width) for width in widths])
    assert found.upper[0].tolist() == pytest.approx([centre * math.exp(width) for width in widths])


@pytest.mark.parametrize(("count", "adaptive"), [(3, False), (20, False), (21, True), (61, True)])
def test_from_twenty_one_rates_on_a_range_is_adaptive(count: int, adaptive: bool) -> None:
    maker = forecaster()
    assert maker.forecast(made_ready(maker, history(count))).adaptive.tolist() == [adaptive]


@given(st.floats(1e-6, 2.0), st.integers(3, 61))
def test_a_floored_range_uses_the_floor_and_every_other_its_volatility(share: float, count: int) -> None:
    """Invented steps, from those of minutes to those of days: the label follows the range and never changes it."""
    maker = forecaster()
    level, rates = LEVELS["EUR/GBP"], np.array(history(count))
    windows = made_ready(maker, (level * (rates / level) ** share).tolist())
    found = maker.forecast(windows)
    returns = windows.returns[:, -(count - 1) :]
    weights = 0.94 ** np.arange(count - 1)[::-1]
    prior = 0.0 if count >= 21 else PRIOR_WEIGHT
    measured = float(np.sqrt(((returns**2 * weights).sum() + prior * SIGMA**2) / (weights.sum() + prior)))
    floor = FLOOR_SHARE * SIGMA
    table = max(length for length in QUANTILES["95"] if length <= count)
    half = np.log(found.upper[0, 1] / found.prediction[0]) / QUANTILES["95"][table]
    assert half == pytest.approx(max(measured, floor), rel=1e-6)
    if abs(measured / floor - 1.0) > 1e-9:
        assert found.floored.tolist() == [measured < floor]


@pytest.mark.parametrize("shrinkage", [0.0, 0.5])
@pytest.mark.parametrize("count", [4, 21, 22, 30, 61])
def test_a_hindcast_is_the_forecast_from_the_rates_before(count: int, shrinkage: float) -> None:
    maker = forecaster(shrinkage, Steps(0.2, column=0), factors=Factors(0.5, 0.7, column=5))
    rates = history(count)
    found = maker.forecast(made_ready(maker, rates)).hindcasts
    before = made_ready(maker, rates[:-1])
    forecast = maker.forecast(before)
    error = abs(math.log(rates[-1] / forecast.prediction[0]))
    assert found.error[0] == pytest.approx(error, rel=1e-9)
    assert found.naive[0] == pytest.approx(abs(math.log(rates[-1] / rates[-2])))
    assert found.standardised[0] == pytest.approx(error / before.sigma[0], rel=1e-9)
    held = (forecast.lower[0] <= rates[-1]) & (rates[-1] <= forecast.upper[0])
    assert found.inside[0].tolist() == held.tolist()


def test_hindcasts_distinguish_answers_in_no_range_in_the_wide_one_and_in_both() -> None:
    maker = forecaster()
    start = history(60)
    forecast = maker.forecast(made_ready(maker, start))
    answers = [
        start[-1],
        0.5 * (forecast.upper[0, 0] + forecast.upper[0, 1]),
        1.001 * forecast.upper[0, 1],
        0.5 * (forecast.lower[0, 0] + forecast.lower[0, 1]),
        0.999 * forecast.lower[0, 1],
    ]
    found = maker.forecast(made_ready(maker, *([*start, float(answer)] for answer in answers))).hindcasts
    assert found.inside.tolist() == [
        [True, True],
        [False, True],
        [False, False],
        [False, True],
        [False, False],
    ]


# Training statistics of EUR/GBP: lags from 0.7 to 1.3 times the level, std a tenth of it; returns up to 6 SIGMA, std SIGMA.
LEVEL = LEVELS["EUR/GBP"]


def drifted(rates: list[float], std: float | None = None) -> list[str]:
    maker = forecaster(std=std)
    found = maker.forecast(made_ready(maker, rates))
    return [name for name, is_out in zip(FEATURE_NAMES, found.drifted[0], strict=True) if is_out]


def ending(*multiples: float) -> list[float]:
    return [LEVEL] * 20 + [LEVEL * multiple for multiple in multiples]


@pytest.mark.parametrize(
    ("rates", "names"),
    [
        (ending(1.0, 1.0, 1.0), []),
        (ending(1.29, 1.29, 1.29), []),  # 2.9 std and inside
        (ending(1.31, 1.31, 1.31), ["lag_1", "lag_2", "lag_3"]),
        (ending(0.69, 0.69, 0.69), ["lag_1", "lag_2", "lag_3"]),
        (ending(1.0, 1.0, math.exp(2.9 * SIGMA)), []),
        (ending(1.0, 1.0, math.exp(3.1 * SIGMA)), ["return_1"]),  # within min and max, beyond 3 std
        (ending(1.0, 1.0, math.exp(-3.1 * SIGMA)), ["return_1"]),
        (ending(1.0, math.exp(3.1 * SIGMA), math.exp(3.1 * SIGMA)), ["return_2"]),
        (ending(0.69, 0.71, 0.71), ["lag_3", "return_2"]),
    ],
)
def test_a_feature_drifts_outside_of_training_or_beyond_three_std(
    rates: list[float], names: list[str]
) -> None:
    assert drifted(rates) == names


def test_outside_of_training_is_drift_whatever_the_threshold_and_within_it_the_threshold_rules() -> None:
    assert drifted(ending(1.0, 1.0, math.exp(3.1 * SIGMA)), std=3.2) == []
    assert drifted(ending(1.0, 1.0, math.exp(2.9 * SIGMA)), std=2.8) == ["return_1"]
    assert drifted(ending(1.0, 1.0, math.exp(6.1 * SIGMA)), std=100.0) == ["return_1"]
    assert drifted(ending(1.31, 1.31, 1.31), std=100.0) == ["lag_1", "lag_2", "lag_3"]


def test_scores_are_distances_from_the_mean_in_std_and_never_infinite() -> None:
    maker = forecaster()
    rates = ending(0.9, 1.0, 1.2)
    scores = maker.forecast(made_ready(maker, rates)).drift_scores[0]
    expected = [2.0, 0.0, -1.0, math.log(1.2) / SIGMA, math.log(1 / 0.9) / SIGMA]
    assert scores.tolist() == pytest.approx(expected, abs=1e-9)
    huge = maker.forecast(made_ready(maker, [LEVEL, LEVEL, 1e300]))
    assert huge.drift_scores[0, 0] == MAX_SCORE


def test_each_history_is_compared_with_its_pair() -> None:
    maker = forecaster()
    rows = np.array([maker.pair_index["EUR/JPY"], maker.pair_index["EUR/GBP"]], dtype=np.intp)
    windows = maker.windows([history(level=160.0), history(level=160.0)], rows)
    assert maker.forecast(windows).drifted[:, 0].tolist() == [False, True]


def test_a_forecast_does_not_depend_on_its_batch() -> None:
    maker = forecaster(1.0, Steps(column=1), factors=Factors(column=3))
    peg = [LEVEL] * 61
    some = [history(61, seed=1), history(5, seed=2), history(30, seed=3), peg, history(61, seed=4)]
    together = maker.forecast(made_ready(maker, *some))
    alone = [maker.forecast(made_ready(maker, one)) for one in some]
    for name in ("prediction", "lower", "upper"):
        joined = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(together, name).tobytes() == joined.tobytes(), name


def test_the_newest_sixty_one_rates_count() -> None:
    assert features.WINDOW == 61
    maker = forecaster(1.0, Steps(column=1))
    long = history(500)
    found = [maker.forecast(made_ready(maker, rates)) for rates in (long, long[-61:])]
    for name in ("prediction", "lower", "upper", "drift_scores"):
        one, other = (getattr(forecasts, name) for forecasts in found)
        assert one.tobytes() == other.tobytes(), name


def half_widths(maker: Forecaster, *histories: list[float]) -> np.ndarray:
    found = maker.forecast(made_ready(maker, *histories))
    return np.log(found.upper / found.prediction[:, None])


@pytest.mark.parametrize("exponent", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("count", [21, 40, 61, 500])
def test_from_twenty_one_rates_on_the_forest_widens_the_range_by_its_factor_to_the_exponent(
    count: int, exponent: float
) -> None:
    plain = half_widths(forecaster(exponent=0.0), history(count))
    found = half_widths(forecaster(factors=Factors(1.3, 0.8), exponent=exponent), history(count))
    assert found[0].tolist() == pytest.approx((plain[0] * np.array([1.3, 0.8]) ** exponent).tolist())


@pytest.mark.parametrize("rates", [history(3), history(20), [LEVELS["EUR/GBP"]] * 61])
def test_a_short_history_and_one_at_the_floor_keep_the_base_scale(rates: list[float]) -> None:
    factors = Factors(1.3, 1.3)
    found = half_widths(forecaster(factors=factors), rates)
    assert found.tobytes() == half_widths(forecaster(exponent=0.0), rates).tobytes()
    assert factors.asked == []


def test_at_exponent_0_the_forest_is_not_asked() -> None:
    maker = forecaster(factors=(factors := Factors(2.0, 2.0)), exponent=0.0)
    windows = made_ready(maker, history(), history(30))
    maker.forecast(windows)
    assert factors.asked == []


def test_with_lambda_0_the_forest_of_the_centre_is_not_asked() -> None:
    maker = forecaster(0.0, centre := Steps(5.0))
    windows = made_ready(maker, history())
    assert maker.forecast(windows).prediction.tolist() == [history()[-1]]
    assert centre.asked == []


def test_the_range_forest_sees_the_returns_without_those_that_are_left_out() -> None:
    maker = forecaster(factors=(factors := Factors()))
    rates = history()
    spiked = [*rates[:40], 3 * rates[40], *rates[41:]]
    mask = np.zeros(60, dtype=bool)
    mask[[39, 40]] = True
    maker.forecast(made_ready(maker, spiked).without({0: mask}))
    maker.forecast(made_ready(maker, rates).without({0: mask}))
    one, other = factors.asked
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("count", [3, 4, 20, 21, 22, 61, 1024])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_whatever_the_rates_the_ranges_are_finite_and_nested(count: int, exponent: float) -> None:
    bundle_forest = OnnxModel(forest_on_noise()[0])
    maker = Forecaster(training_stats(exponent=exponent), bundle_forest)
    moving = np.array(history(count))
    equal = np.full(count, LEVEL)
    peg = np.where(np.arange(count) % 5 == 0, 1.00001 * LEVEL, LEVEL)
    one_jump = np.where(np.arange(count) < count - 2, LEVEL, 2 * LEVEL)
    until_lately = np.where(np.arange(count) < count // 2, moving, moving[count // 2])
    some = [
        rates.tolist() for rates in (moving, equal, peg, one_jump, until_lately, moving * 1e-9, 1e9 / moving)
    ]
    windows = made_ready(maker, *some)
    missing = np.random.default_rng(count).random((len(some), 60)) < 0.3
    with_holes = windows.without(dict(enumerate(missing)))
    nothing_left = windows.without(dict.fromkeys(range(len(some)), np.ones(60, dtype=bool)))
    for ready in (windows, with_holes, nothing_left):
        found = maker.forecast(ready)
        assert np.isfinite(found.lower).all()
        assert np.isfinite(found.upper).all()
        assert (found.lower[:, 1] <= found.lower[:, 0]).all()
        assert (found.upper[:, 0] <= found.upper[:, 1]).all()
        assert (found.lower[:, 0] < found.prediction).all()
        assert (found.prediction < found.upper[:, 0]).all()
