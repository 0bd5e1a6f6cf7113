"""Ranges for several steps and quantiles: nested, monotone, and in line with the ranges of the next rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ratecast.errors import ModelBundleError
from ratecast.field_faults import describe
from ratecast.model.forecast import Forecaster
from ratecast.model.horizons import horizon_half_widths
from ratecast.model.optional_forecasts import available, require
from ratecast.model.quantiles import central_half_widths, quantile_steps
from ratecast.model.ranges import half_widths
from ratecast.model.training_stats import TrainingStats
from ratecast.optional_fields import HORIZONS, QUANTILES, OptionalFields
from tests.bundles import CENTRAL_QUANTILES, HORIZON_QUANTILES, training_stats

ALL = OptionalFields(HORIZONS, QUANTILES)
SIZES = st.floats(0, 100)


class _NoForest:
    def predict(self, X):
        return np.ones((len(X), 2))


def forecaster(optional: OptionalFields | None = ALL, stats: TrainingStats | None = None) -> Forecaster:
    return Forecaster(stats or training_stats(), _NoForest(), optional=optional)


def histories() -> list[list[float]]:
    """A walk, equal rates, 3 rates, 1,024 rates, a rate that moves once, and one that jumps."""
    walk = 0.85 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.005, 1024)))
    still = [0.85] * 61
    return [
        walk[:61].tolist(),
        still,
        still[:3],
        walk[:3].tolist(),
        walk.tolist(),
        [*still, 0.86],
        [*walk[:60], 8 * walk[59]],
    ]


def forecast(maker: Forecaster, given: list[list[float]]):
    return maker.forecast(maker.windows(given, np.zeros(len(given), dtype=np.intp)))


@given(arrays(float, (5, 4, 2), elements=SIZES), arrays(float, (5, 2), elements=SIZES), st.data())
def test_ranges_are_nested_and_never_narrower_with_more_steps(quantiles, scales, data):
    half = half_widths(data.draw(arrays(float, 2, elements=SIZES)), scales)
    widths = horizon_half_widths(quantiles, scales, half)
    assert (widths[..., 0] <= widths[..., 1]).all()
    assert (np.diff(np.concatenate((half[:, None], widths), axis=1), axis=1) >= 0).all()


@given(arrays(float, 3, elements=SIZES), arrays(float, (5, 2), elements=SIZES), st.data())
def test_quantiles_never_cross_and_are_symmetric(quantiles, scales, data):
    half = half_widths(data.draw(arrays(float, 2, elements=SIZES)), scales)
    steps = quantile_steps(central_half_widths(quantiles, scales, half), QUANTILES)
    assert (np.diff(steps, axis=1) >= 0).all()
    assert (steps == -steps[:, ::-1]).all()
    assert (steps[:, QUANTILES.index("90")] == half[:, 0]).all()
    assert (steps[:, QUANTILES.index("97.5")] == half[:, 1]).all()


def test_any_history_has_finite_positive_nested_optional_fields():
    found = forecast(forecaster(), histories())
    optional = found.optional
    assert optional.lower.shape == (len(histories()), len(HORIZONS), 2)
    assert np.isfinite(optional.upper).all()
    assert (optional.lower > 0).all()
    assert (optional.lower[..., 1] <= optional.lower[..., 0]).all()
    assert (optional.upper[..., 0] <= optional.upper[..., 1]).all()
    lower = np.concatenate((found.lower[:, None], optional.lower), axis=1)
    upper = np.concatenate((found.upper[:, None], optional.upper), axis=1)
    assert (np.diff(lower, axis=1) <= 0).all()
    assert (np.diff(upper, axis=1) >= 0).all()
    assert (np.diff(optional.quantiles, axis=1) >= 0).all()
    assert (optional.quantiles[:, 0] > 0).all()


def test_quantiles_are_the_bounds_of_the_ranges_to_the_last_bit():
    found = forecast(forecaster(), histories())
    columns = [QUANTILES.index(name) for name in ("2.5", "10", "50", "90", "97.5")]
    expected = (found.lower[:, 1], found.lower[:, 0], found.prediction, found.upper[:, 0], found.upper[:, 1])
    np.testing.assert_array_equal(found.optional.quantiles[:, columns], np.column_stack(expected))


def test_a_field_does_not_depend_on_which_others_are_wanted():
    every = forecast(forecaster(), histories()).optional
    some = forecast(forecaster(OptionalFields((10,), ("5", "99"))), histories()).optional
    np.testing.assert_array_equal(some.lower[:, 0], every.lower[:, HORIZONS.index(10)])
    np.testing.assert_array_equal(some.upper[:, 0], every.upper[:, HORIZONS.index(10)])
    wanted = [QUANTILES.index("5"), QUANTILES.index("99")]
    np.testing.assert_array_equal(some.quantiles, every.quantiles[:, wanted])


def test_a_history_gets_the_tables_of_its_length():
    short, long = histories()[3], histories()[0]
    for history, length in ((short, 3), (long, 61)):
        found = forecast(forecaster(OptionalFields((5,))), [history])
        width = np.log(found.optional.upper[0, 0] / found.prediction[0])
        one = np.log(found.upper[0] / found.prediction[0])
        table = {level: HORIZON_QUANTILES[5][level][length] for level in ("80", "95")}
        intervals = training_stats().intervals
        expected = [table[level] / intervals[level][length] for level in ("80", "95")]
        assert width / one == pytest.approx(expected)


def test_a_forecast_does_not_depend_on_its_batch():
    maker = forecaster()
    together = forecast(maker, histories()).optional
    for row, history in enumerate(histories()):
        alone = forecast(maker, [history]).optional
        np.testing.assert_array_equal(alone.lower[0], together.lower[row])
        np.testing.assert_array_equal(alone.quantiles[0], together.quantiles[row])


def test_without_optional_fields_nothing_is_computed_and_the_rest_is_the_same():
    plain, full = forecast(forecaster(None), histories()), forecast(forecaster(), histories())
    assert plain.optional is None
    np.testing.assert_array_equal(plain.lower, full.lower)
    np.testing.assert_array_equal(plain.upper, full.upper)


def test_a_model_without_a_table_is_refused_in_one_line():
    stats = training_stats().model_copy(update={"horizons": {2: HORIZON_QUANTILES[2]}, "central_ranges": {}})
    assert available(stats) == OptionalFields((2,))
    require(stats, OptionalFields((2,)))
    with pytest.raises(ModelBundleError) as caught:
        forecaster(ALL, stats)
    assert str(caught.value) == (
        "model test-1 has no table for 5 steps ahead, 10 steps ahead, 21 steps ahead, quantiles, as it was trained on too few "
        "rates or by an earlier version of ratecast: run `ratecast train` again"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"horizons": {"2": {"80": HORIZON_QUANTILES[2]["80"]}}},
            "horizons: 2 steps must have the levels 80 and 95 with the lengths of intervals",
        ),
        (
            {"horizons": {"5": {level: {"3": 1.0} for level in ("80", "95")}}},
            "horizons: 5 steps must have the levels 80 and 95 with the lengths of intervals",
        ),
        ({"horizons": {"1": HORIZON_QUANTILES[2]}}, "horizons.1 must be at least 2"),
        ({"central_ranges": {"50": {"3": 1.0}}}, "central_ranges must have the lengths of intervals"),
        (
            {"central_ranges": {**CENTRAL_QUANTILES, "98": {"3": -1.0}}},
            "central_ranges.98.3 must be at least 0, got -1",
        ),
    ],
)
def test_tables_that_do_not_fit_are_named(changes, words):
    content = training_stats().model_dump(by_alias=True, mode="json") | changes
    with pytest.raises(ValueError, match="validation error") as caught:
        TrainingStats.model_validate(content)
    assert words in describe(caught.value)
