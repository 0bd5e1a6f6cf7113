from __future__ import annotations

from dataclasses import replace

import pytest

from training.diebold_mariano import DieboldMariano
from training.evaluate import Metrics
from training.training_headline import headline

TEST = Metrics(
    n=26_400,
    mae_ratio=0.981,
    mse_skill=0.04,
    diebold_mariano=DieboldMariano(4.2, 0.0000134),
    forest_mae_ratio=1.0012,
    direction=None,
    coverage={"80": 0.8, "95": 0.948},
    winkler={"80": 1.0, "95": 1.0},
    winkler_ratio={"80": 1.0, "95": 1.0},
)


def test_it_says_that_the_model_beats_the_last_rate():
    assert headline(0.6, TEST) == (
        "The model beats the last rate as a forecast of the next one: it has 0.9810 times the mean absolute error of "
        "the last rate (Diebold-Mariano p < 0.001, lambda 0.60). "
        "The 95 % range contained 94.8 % of 26,400 next rates."
    )


@pytest.mark.parametrize(("ratio", "p_value"), [(1.0004, 0.43), (0.9996, 0.21), (1.01, 0.999)])
def test_it_says_that_the_model_does_not_beat_the_last_rate(ratio, p_value):
    found = headline(0.2, replace(TEST, mae_ratio=ratio, diebold_mariano=DieboldMariano(0.2, p_value)))
    assert found.startswith(
        f"The model does not beat the last rate as a forecast of the next one: it has {ratio:.4f} times the mean "
        f"absolute error of the last rate (Diebold-Mariano p = {p_value:.3f}"
    )


def test_with_lambda_0_it_says_that_the_forecast_is_the_last_rate():
    found = headline(0.0, replace(TEST, mae_ratio=1.0, diebold_mariano=None))
    assert found.startswith(
        "The model does not beat the last rate as a forecast of the next one, so it forecasts the last rate (lambda 0). "
        "The forest alone has 1.0012 times the mean absolute error of the last rate."
    )


def test_with_a_lambda_that_was_0_on_the_test_days_it_says_that_the_result_is_unknown():
    found = headline(0.3, replace(TEST, mae_ratio=1.0, diebold_mariano=None))
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
    assert headline(0.0, replace(TEST, coverage={"80": 0.8, "95": share})).endswith(ending)
