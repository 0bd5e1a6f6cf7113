from __future__ import annotations

import math

import pytest

from producer.publish import new_message
from ratecast.errors import UsageError


def test_each_message_has_an_id_of_its_own():
    first, second = new_message([1, 2, 3]), new_message([1, 2, 3])
    assert first.message_id != second.message_id
    assert first.history == [1, 2, 3]


@pytest.mark.parametrize(
    ("history", "options", "fault"),
    [
        ([0.85, 0.86], {}, "3 to 1,024 rates, oldest first; you gave 2"),
        ([1.0] * 1025, {}, "you gave 1025"),
        ([1, 2, 0], {}, "rate 0 is not a positive number"),
        ([1, -2, 3], {}, "rate -2 is not"),
        ([1, 2, math.nan], {}, "rate nan is not"),
        ([1, 2, math.inf], {}, "rate inf is not"),
        ([1, 2, 3], {"pair": "eurgbp"}, "EUR/GBP"),
        ([1, 2, 3], {"as_of": "soon"}, "2025-01-31"),
        ([1, 2, 3], {"as_of": "2025-02-30"}, "2025-01-31"),
    ],
)
def test_what_the_contract_refuses_is_refused_before_it_is_published(history, options, fault):
    with pytest.raises(UsageError, match=fault) as refused:
        new_message(history, **options)
    assert "\n" not in str(refused.value)
