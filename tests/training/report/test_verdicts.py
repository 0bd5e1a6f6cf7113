from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bundles import training_stats
from tests.training.report.test_training_headline import TEST, evaluated
from training.diebold_mariano import DieboldMariano
from training.report.verdicts import verdicts


def held(narrow, wide, error=0.005, n=1000):
    shares = {"80": narrow, "95": wide}
    intervals = {level: (share - error, share + error) for level, share in shares.items()}
    return replace(TEST, n=n, coverage=shares, coverage_interval=intervals)


def judged(test=TEST, pairs=None, regimes=None, lambda_=0.0):
    evaluation = replace(evaluated(test), pairs=pairs or {"EUR/USD": test})
    return verdicts(training_stats(shrinkage=lambda_), evaluation, regimes or {})


@pytest.mark.parametrize(
    ("lambda_", "ratio", "test", "answer", "tone"),
    [
        (0.0, 1.0, None, "use it as a baseline", "neutral"),
        (0.4, 1.0, None, "not known yet", "caution"),
        (0.4, 0.98, DieboldMariano(4.0, 0.001), "better than the last rate", "good"),
        (0.4, 0.999, DieboldMariano(0.5, 0.3), "hardly better than the last rate", "caution"),
        (0.4, 1.01, DieboldMariano(-2.0, 0.98), "worse than the last rate", "bad"),
    ],
)
def test_the_point_forecast_is_compared_with_the_last_rate(lambda_, ratio, test, answer, tone):
    point, *_ = judged(replace(TEST, mae_ratio=ratio, diebold_mariano=test), lambda_=lambda_)
    assert (point.answer, point.tone) == (answer, tone)


@pytest.mark.parametrize(
    ("test", "answer", "tone"),
    [
        (held(0.80, 0.95), "usable", "good"),
        (held(0.785, 0.935), "usable", "good"),
        (held(0.78, 0.95), "usable with care", "caution"),
        (held(0.80, 0.915), "do not rely on it", "bad"),
        (held(0.80, 0.995), "do not rely on it", "bad"),
        (held(0.80, 0.95, error=0.04), "too few test days to tell", "caution"),
        (held(0.70, 0.95, error=0.04), "do not rely on it", "bad"),
    ],
)
def test_the_range_is_as_good_as_its_shares_are_near_their_promise(test, answer, tone):
    _, ranges, _ = judged(test)
    assert (ranges.answer, ranges.tone) == (answer, tone)


def test_the_range_says_its_figures_their_error_and_the_days_on_which_it_is_farthest_off():
    regimes = {"calm": held(0.77, 0.94), "after a shock": held(0.81, 0.935)}
    _, ranges, _ = judged(held(0.801, 0.947), regimes=regimes)
    assert ranges.tone == "good"
    assert "the 95 % range held 94.7 % (94.2 to 95.2) and the 80 % range held 80.1 %" in ranges.reason
    assert "farthest from its promise on calm days: the 80 % range held 77.0 %." in ranges.reason


def test_one_kind_of_day_that_chance_does_not_explain_makes_a_good_range_orange():
    for error, tone in ((0.01, "caution"), (0.05, "good")):
        _, ranges, _ = judged(held(0.80, 0.95), regimes={"after a shock": held(0.76, 0.95, error)})
        assert ranges.tone == tone
        assert "after a shock: the 80 % range held 76.0 %" in ranges.reason


def test_the_weakest_pair_is_the_farthest_off_for_its_number_of_forecasts():
    pairs = {"A": held(0.80, 0.96), "B": held(0.79, 0.92), "C": held(0.70, 0.95, error=0.2, n=20)}
    *_, weakest = judged(pairs=pairs)
    assert (weakest.subject, weakest.answer, weakest.tone) == (
        "Weakest pair",
        "B: usable with care",
        "caution",
    )
    assert weakest.reason.startswith(
        "Its 95 % range held 92.0 % (91.5 to 92.5) of 1,000 next rates, 3.0 points less than promised."
    )


def test_a_pair_that_is_red_is_weaker_than_one_that_is_orange_with_more_certainty():
    pairs = {"orange": held(0.80, 0.925, n=100_000), "red": held(0.76, 0.95, error=0.03, n=900)}
    *_, weakest = judged(pairs=pairs)
    assert (weakest.answer, weakest.tone) == ("red: do not rely on it", "bad")
    assert weakest.reason.endswith("4.0 points less than promised. All other pairs did better.")


def test_a_single_pair_is_compared_with_no_other():
    *_, only = judged(pairs={"A": held(0.80, 0.95)})
    assert (only.subject, only.answer) == ("The pair", "A: usable")
    assert only.reason.endswith("next rates, as promised.")
