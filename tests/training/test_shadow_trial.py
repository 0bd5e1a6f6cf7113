"""When a shadow model may take over: enough forecasts, not worse, and ranges that hold what they promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitoring.windows.shadow_comparison import ModelSums, PairSums
from training.shadow_trial import PAIR_FORECASTS, TrialLimits, judge

LIMITS = TrialLimits()


def model(n, error=0.75, winkler=(3.4, 4.8), inside=(0.80, 0.95)):
    return ModelSums(n * error, tuple(n * w for w in winkler), tuple(round(n * share) for share in inside))


def of(n, shadow=None, champion=None):
    return PairSums(n, n * 0.75, champion or model(n), shadow or model(n))


def test_a_shadow_model_that_is_as_good_on_enough_forecasts_may_take_over():
    trial = judge({"EUR/GBP": of(700), "EUR/USD": of(500)}, LIMITS)
    assert trial.objections == ()
    assert trial.all.challenger.n == 1200
    assert trial.all.champion == trial.all.challenger
    assert trial.all.champion.mae_ratio == pytest.approx(1)
    assert trial.all.champion.winkler == {"80": pytest.approx(3.4), "95": pytest.approx(4.8)}
    assert trial.all.champion.coverage == {"80": 0.80, "95": 0.95}


def test_scores_of_all_pairs_are_sums_and_no_averages_of_averages():
    sums = {
        "EUR/GBP": of(1000, model(1000, inside=(0.9, 1.0))),
        "EUR/USD": of(200, model(200, inside=(0.6, 0.5))),
    }
    trial = judge(sums, LIMITS)
    assert trial.all.challenger.coverage == {"80": 0.85, "95": pytest.approx(1100 / 1200)}
    assert trial.pairs["EUR/USD"].challenger.coverage == {"80": 0.6, "95": 0.5}


def test_too_few_forecasts_are_named_with_the_number_that_is_needed():
    (objection,) = judge({"EUR/GBP": of(1199)}, LIMITS).objections
    assert objection == "only 1,199 forecasts were compared, and 1,200 are needed"
    assert judge({"EUR/GBP": of(1199)}, replace(LIMITS, forecasts=1199)).objections == ()


@pytest.mark.parametrize(
    ("shadow", "objection"),
    [
        ({"winkler": (3.4, 4.9)}, "its Winkler score 95 is 2.08 % worse"),
        ({"winkler": (3.5, 4.8)}, "its Winkler score 80 is 2.94 % worse"),
        ({"winkler": (float("nan"), 4.8)}, "its Winkler score 80 is nan % worse"),
        ({"error": 0.78}, "its MAE is 4.00 % worse"),
        ({"inside": (0.75, 0.95)}, "its 80 % range held 75.0 % of the rates, more than 4.6 points off"),
        ({"inside": (0.80, 0.98)}, "its 95 % range held 98.0 % of the rates, more than 2.5 points off"),
    ],
)
def test_what_is_worse_is_named(shadow, objection):
    assert judge({"EUR/GBP": of(1200, model(1200, **shadow))}, LIMITS).objections == (objection,)


def test_a_little_worse_is_noise():
    shadow = model(1200, winkler=(3.41, 4.82), inside=(0.78, 0.94))
    assert judge({"EUR/GBP": of(1200, shadow)}, LIMITS).objections == ()


def test_many_forecasts_leave_coverage_a_point_and_a_half():
    shares = {0.786: 0, 0.784: 1}
    for share, objections in shares.items():
        shadow = model(100_000, inside=(share, 0.95))
        assert len(judge({"EUR/GBP": of(100_000, shadow)}, LIMITS).objections) == objections


def test_in_a_wild_month_the_less_wrong_coverage_is_no_objection():
    champion, shadow = model(1200, inside=(0.70, 0.90)), model(1200, inside=(0.72, 0.91))
    assert judge({"EUR/GBP": of(1200, shadow, champion)}, LIMITS).objections == ()
    assert len(judge({"EUR/GBP": of(1200, champion, shadow)}, LIMITS).objections) == 2


def test_a_single_bad_pair_is_an_objection_unless_it_has_too_few_forecasts():
    def bad(n):
        return of(n, model(n, winkler=(3.4, 5.2)))

    judged = judge({"EUR/GBP": of(2000), "EUR/USD": bad(PAIR_FORECASTS)}, LIMITS)
    assert judged.objections == ("its Winkler score 95 is 8.33 % worse in EUR/USD",)
    few = judge({"EUR/GBP": of(2000), "EUR/USD": bad(PAIR_FORECASTS - 1)}, LIMITS)
    assert (few.objections, few.unjudged) == ((), ("EUR/USD",))


def test_a_pair_without_forecasts_is_left_out():
    assert list(judge({"EUR/GBP": of(1200), "EUR/USD": of(0)}, LIMITS).pairs) == ["EUR/GBP"]


def test_a_pair_that_stood_still_is_no_objection_if_both_scored_nothing():
    still = PairSums(100, 0.0, model(100, 0.0, (0.0, 0.0), (1, 1)), model(100, 0.0, (0.0, 0.0), (1, 1)))
    assert judge({"EUR/GBP": of(2000), "EUR/DKK": still}, LIMITS).objections == ()
    alone = replace(still, shadow=model(100, 0.0, (1.0, 0.0), (1, 1)))
    objections = judge({"EUR/DKK": alone}, replace(LIMITS, forecasts=100)).objections
    assert "its Winkler score 80 is inf % worse" in objections
