"""In what a challenger is worse than the champion, from their scores alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from training.model_comparison import Duel, Scores, objections


def scores(mae=1.0, winkler=4.0):
    return Scores(100, mae, 1.0, {"80": 0.8, "95": 0.95}, {"80": 99.0, "95": winkler})


@pytest.mark.parametrize(
    ("challenger", "expected"),
    [
        (scores(), ()),
        (scores(1.0099, 4.039), ()),
        (scores(0.5, 2.0), ()),
        (scores(1.011, 4.0), ("its MAE is 1.10 % worse",)),
        (scores(1.0, 4.05), ("its Winkler score 95 is 1.25 % worse",)),
        (scores(2.0, 8.0), ("its Winkler score 95 is 100.00 % worse", "its MAE is 100.00 % worse")),
        (scores(1.0, math.nan), ("its Winkler score 95 is nan % worse",)),
    ],
)
def test_both_scores_decide(challenger, expected):
    assert objections(Duel(scores(), challenger), {}, 0.01, 0.05) == expected


def test_pairs_that_got_worse_are_named_the_worst_first():
    pairs = {
        "EUR/GBP": Duel(scores(), scores(1.0, 4.199)),
        "EUR/USD": Duel(scores(), scores(1.0, 4.4)),
        "EUR/JPY": Duel(scores(), scores(1.0, 13.2)),
        "EUR/CHF": Duel(scores(), scores(1.0, math.nan)),
    }
    assert objections(Duel(scores(), scores()), pairs, 0.01, 0.05) == (
        "its Winkler score 95 is nan % worse in EUR/CHF, 230.00 % worse in EUR/JPY, 10.00 % worse in EUR/USD",
    )


def test_scores_of_a_rate_that_stood_still_are_compared_without_a_division_by_zero():
    nothing = Scores(n=60, mae=0.0, mae_ratio=1.0, coverage={}, winkler={"95": 0.0})
    something = replace(nothing, mae=0.1, winkler={"95": 0.1})
    same = Duel(nothing, nothing)
    assert objections(same, {"EUR/BGN": same}, 0.005, 0.05) == ()
    assert len(objections(Duel(nothing, something), {"EUR/BGN": Duel(nothing, something)}, 0.005, 0.05)) == 3
