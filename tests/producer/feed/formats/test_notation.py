from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.feed.formats import notation
from tests.producer.feed.rate_documents import published_days


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "0.0", "-1.1", "+1.1", "nan", "NaN", "inf", "Infinity", "1_000.5", "1,1534", "1.1.1", "1 1", "0x1p3",
        "\u0661\u066b\u0661", "\uff11.1", "1e999", "1e-999", ".", "e5", "1" * 65, "1.1\n",
    ],
)  # fmt: skip
def test_what_is_no_positive_finite_number_is_no_rate(text) -> None:
    assert notation.rate(text) is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("366.90", 366.9),
        ("13111", 13111.0),
        (".5", 0.5),
        ("1.1e2", 110.0),
        ("1.1533999999999998", 1.1534),
        ("0.83380000000000004", 0.8338),
        ("20275.169999999998", 20275.17),
        (repr(float(np.float32(1.1534))), 1.1534),
        (repr(float(np.float32(20275.17))), 20275.17),
        ("0.001234567", 0.001234567),
        ("123456.789", 123456.789),
    ],
)
def test_the_noise_of_floating_point_is_rounded_away_and_a_quote_is_kept(text, rate) -> None:
    assert notation.rate(text) == rate


def test_every_rate_of_the_ecb_is_read_as_it_is_written() -> None:
    texts = {rate for rates in list(published_days().values())[::20] for rate in rates.values()}
    assert len(texts) > 5000
    assert [text for text in texts if notation.rate(text) != float(text)] == []


@given(st.text(max_size=12))
def test_a_rate_of_any_text_is_none_or_positive_and_finite(text) -> None:
    rate = notation.rate(text)
    assert rate is None or (0 < rate < math.inf and text.isascii())


@pytest.mark.parametrize("text", ["2026-04-13", "13 April 2026", "13 Apr 2026"])
def test_a_day_is_read_in_each_form(text) -> None:
    assert notation.day(text) == dt.date(2026, 4, 13)


@pytest.mark.parametrize(
    "text",
    [
        "", "20260413", "2026-4-13", "2026-02-30", "2026-W16-1", "0000-01-01", "13/04/2026", "31 April 2026",
        "13 Avril 2026", "2026-04-13T00:00", "\uff12026-04-13", "13  April 2026", "13 apr 2026", "99999-01-01",
    ],
)  # fmt: skip
def test_what_is_no_date_is_no_day(text) -> None:
    assert notation.day(text) is None


def test_a_foreign_text_is_shown_on_one_line_and_in_part() -> None:
    assert notation.shown("a\r\n\x1b[31m" + "b" * 5_000_000).isprintable()
    assert len(notation.shown("\x00" * 5_000_000)) < 200
