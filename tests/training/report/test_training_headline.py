from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from training.diebold_mariano import DieboldMariano
from training.evaluate import Evaluation, Metrics, Outcomes
from training.report.training_headline import headline

TEST = Metrics(
    n=26_400,
    mae_ratio=0.981,
    mse_skill=0.04,
    diebold_mariano=DieboldMariano(4.2, 0.0000134),
    forest_mae_ratio=1.0012,
    direction=None,
    coverage={"80": 0.8, "95": 0.948},
    coverage_interval={"80": (0.79, 0.81), "95": (0.942, 0.953)},
    width={"80": 0.005, "95": 0.009},
    winkler={"80": 1.0, "95": 1.0},
    winkler_ratio={"80": 1.0, "95": 1.0},
    winkler_base_ratio={"80": 0.995, "95": 0.9884},
)
ALONE = (
    "The forest does not forecast the width of the next move better than its recent volatility does, so the range "
    "follows the volatility alone."
)


def evaluated(metrics, exponent=1.0):
    nothing = Outcomes(*(np.zeros(0) for _ in fields(Outcomes)))
    return Evaluation(
        fitted_until="2017-12-29",
        validated_until="2020-12-31",
        tested_until="2026-10-30",
        lambda_=0.0,
        exponent=exponent,
        test=metrics,
        pairs={},
        walk_forward=None,
        years={},
        outcomes=nothing,
    )


def test_it_says_that_the_model_beats_the_last_rate():
    assert headline(0.6, 0.0, evaluated(TEST)) == (
        "The model beats the last rate as a forecast of the next one: it has 0.9810 times the mean absolute error of "
        "the last rate (Diebold-Mariano p < 0.001, lambda 0.60). "
        "The 95 % range contained 94.8 % of 26,400 next rates. " + ALONE
    )


@pytest.mark.parametrize(("ratio", "p_value"), [(1.0004, 0.43), (0.9996, 0.21), (1.01, 0.999)])
def test_it_says_that_the_model_does_not_beat_the_last_rate(ratio, p_value):
    metrics = replace(TEST, mae_ratio=ratio, diebold_mariano=DieboldMariano(0.2, p_value))
    found = headline(0.2, 1.0, evaluated(metrics))
    assert found.startswith(
        f"The model does not beat the last rate as a forecast of the next one: it has {ratio:.4f} times the mean "
        f"absolute error of the last rate (Diebold-Mariano p = {p_value:.3f}"
    )


def test_with_lambda_0_it_says_that_the_forecast_is_the_last_rate():
    found = headline(0.0, 1.0, evaluated(replace(TEST, mae_ratio=1.0, diebold_mariano=None)))
    assert found.startswith(
        "The model does not beat the last rate as a forecast of the next one, so it forecasts the last rate (lambda 0). "
        "The forest alone has 1.0012 times the mean absolute error of the last rate."
    )


def test_with_a_lambda_that_was_0_on_the_test_days_it_says_that_the_result_is_unknown():
    found = headline(0.3, 1.0, evaluated(replace(TEST, mae_ratio=1.0, diebold_mariano=None)))
    assert found.startswith("It is not known whether the model beats the last rate")


@pytest.mark.parametrize(
    ("share", "ending"),
    [
        (0.93, "contained 93.0 % of 26,400 next rates: it is too narrow."),
        (0.97, "rates: it is too wide."),
        (0.94, "rates."),
    ],
)
def test_it_says_when_the_range_is_off_target(share, ending):
    found = headline(0.0, 0.0, evaluated(replace(TEST, coverage={"80": 0.8, "95": share})))
    assert found.endswith(f"{ending} {ALONE}")


@pytest.mark.parametrize(
    ("ratio", "ending"),
    [
        (0.9884, "its Winkler score is 1.2 % better than by volatility alone."),
        (1.004, "its Winkler score is 0.4 % worse than by volatility alone."),
    ],
)
def test_it_says_what_the_forest_of_the_ranges_gained(ratio, ending):
    metrics = replace(TEST, winkler_base_ratio={"80": 1.0, "95": ratio})
    found = headline(0.0, 1.0, evaluated(metrics))
    assert found.endswith(f"The forest widens and narrows the range: {ending}")


@pytest.mark.parametrize(("exponent", "ratio"), [(0.0, 1.0), (1.0, None)])
def test_it_says_that_the_gain_is_unknown_if_the_test_has_none(exponent, ratio):
    metrics = replace(TEST, winkler_base_ratio={"80": 1.0, "95": ratio})
    found = headline(0.0, 1.0, evaluated(metrics, exponent))
    assert found.endswith("it did not yet do so before the test days.")
