from __future__ import annotations

import pytest

from ratecast_stack.demo.hindcast import hindcast
from tests.rows import prediction_row


def test_the_last_rate_of_a_message_answers_the_one_before() -> None:
    rows = [
        prediction_row(1.0, forecast=1.1, half=0.05),  # next is 1.2: error .1 against .2, outside both ranges
        prediction_row(1.2, forecast=1.2, half=0.05),  # next is 1.23: inside both
        prediction_row(1.23, forecast=9.9, half=0.05),  # no answer yet
    ]
    result = hindcast([rows])
    assert result is not None
    assert result.forecasts == 2
    assert result.mae_ratio == pytest.approx((0.1 / 1.0 + 0.03 / 1.2) / (0.2 / 1.0 + 0.03 / 1.2))
    assert result.coverage == {"80": 0.5, "95": 0.5}


def test_pairs_do_not_answer_each_other() -> None:
    assert hindcast([[prediction_row(1.0)], [prediction_row(160.0)]]) is None
