"""Rates: the ECB's, a user's, crosses, holes and windows."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
import pytest

from ratecast.errors import UsageError
from ratecast.rates.tables import (
    DEFAULT_PAIR,
    DEFAULT_PAIRS,
    RateTable,
    Series,
    load_csv,
    load_ecb,
    series,
    windows,
)


@pytest.fixture(scope="module")
def ecb():
    return load_ecb()


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / "rates.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def days(*texts):
    return np.array(texts, dtype="datetime64[D]")


def test_ecb_rates_load_without_network_in_well_under_a_second():
    start = time.process_time()
    table = load_ecb()
    assert time.process_time() - start < 1.0  # 0.15 s measured; the bound only catches a slip
    assert len(table.dates) > 7000
    assert (np.diff(table.dates) > np.timedelta64(0, "D")).all()


def test_ecb_quotes_are_taken_as_they_are(ecb):
    (usd,) = series(ecb, "EUR/USD")
    assert str(usd.dates[0]) == "1999-01-04"
    assert usd.rates[0] == 1.1789


@pytest.mark.parametrize("pair", DEFAULT_PAIRS)
def test_every_default_pair_is_one_stretch_that_reaches_the_newest_day(ecb, pair):
    (stretch,) = series(ecb, pair)
    assert stretch.dates[-1] == ecb.dates[-1]
    assert len(stretch.rates) > 4000
    assert np.isfinite(stretch.rates).all()
    assert (stretch.rates > 0).all()


def test_there_are_twenty_default_pairs_and_the_default_is_among_them():
    assert len(set(DEFAULT_PAIRS)) == 20
    assert DEFAULT_PAIR in DEFAULT_PAIRS


def test_the_nine_years_without_a_krona_split_its_series(ecb):
    before, after = series(ecb, "EUR/ISK")
    assert str(before.dates[-1]) == "2008-12-09"
    assert str(after.dates[0]) == "2018-02-01"


@pytest.mark.parametrize(
    ("pair", "last"),
    [
        ("EUR/TRL", "2004-12-31"),
        ("EUR/ROL", "2005-06-30"),
        ("EUR/EEK", "2010-12-31"),
        ("EUR/RUB", "2022-03-01"),
    ],
)
def test_ended_currencies_are_still_there_and_end_where_they_ended(ecb, pair, last):
    assert str(series(ecb, pair)[-1].dates[-1]) == last
    assert pair not in DEFAULT_PAIRS


def test_a_redenominated_currency_is_not_joined_to_its_successor(ecb):
    (lira,) = series(ecb, "EUR/TRY")
    assert str(lira.dates[0]) == "2005-01-03"
    assert np.abs(np.diff(np.log(lira.rates))).max() < 0.5


def test_a_cross_is_the_ratio_of_the_euro_rates_to_six_digits(ecb):
    (cross,) = series(ecb, "USD/JPY")
    (usd,), (jpy,) = series(ecb, "EUR/USD"), series(ecb, "EUR/JPY")
    np.testing.assert_allclose(cross.rates, jpy.rates / usd.rates, rtol=5e-6)
    assert all(len(repr(rate).replace(".", "").strip("0")) <= 6 for rate in cross.rates.tolist())


def test_a_cross_exists_only_on_common_days(ecb):
    stretches = series(ecb, "CYP/SIT")
    assert str(stretches[-1].dates[-1]) == "2006-12-29"


def test_an_inverse_is_the_reciprocal(ecb):
    (inverse,) = series(ecb, "USD/EUR")
    assert inverse.rates[0] == float(f"{1 / 1.1789:.6g}")


def test_currencies_that_never_met_have_no_series(ecb):
    assert series(ecb, "TRL/TRY") == []


def test_start_and_end_are_included(ecb):
    (stretch,) = series(ecb, "EUR/USD", dt.date(2024, 1, 2), dt.date(2024, 1, 5))
    assert [str(day) for day in stretch.dates] == ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]


def test_an_unknown_currency_is_rejected_and_the_known_ones_listed(ecb):
    with pytest.raises(UsageError, match=r"has no XYZ; it has AUD, BGN, .*ZAR$"):
        series(ecb, "EUR/XYZ")


@pytest.mark.parametrize("pair", ["EURUSD", "eur/usd", "EUR/USD ", "EUR/EUR", "EUR/US", ""])
def test_what_is_not_a_pair_is_rejected(ecb, pair):
    with pytest.raises(UsageError, match="is not a pair"):
        series(ecb, pair)


@pytest.mark.parametrize(("gap", "stretches"), [(10, 1), (11, 2)])
def test_a_hole_longer_than_ten_days_splits(gap, stretches):
    dates = np.array(["2024-01-01"], dtype="datetime64[D]") + np.array([0, 1, 1 + gap, 2 + gap])
    table = RateTable("t", dates, {"EUR/USD": np.array([1.0, 1.1, 1.2, 1.3])})
    found = series(table, "EUR/USD")
    assert len(found) == stretches
    assert np.concatenate([stretch.rates for stretch in found]).tolist() == [1.0, 1.1, 1.2, 1.3]


def test_windows_slide_by_one_and_are_full():
    stretch = Series(
        "EUR/USD", np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]"), np.arange(1.0, 8)
    )
    found = list(windows(stretch, 5))
    assert [values.tolist() for _, values in found] == [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6], [3, 4, 5, 6, 7]]
    assert str(found[0][0][-1]) == "2024-01-05"


def test_windows_of_a_period_are_filled_from_before_it():
    stretch = Series(
        "EUR/USD", np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]"), np.arange(1.0, 8)
    )
    found = list(windows(stretch, 3, dt.date(2024, 1, 5), dt.date(2024, 1, 6)))
    assert [values.tolist() for _, values in found] == [[3, 4, 5], [4, 5, 6]]
    assert list(windows(stretch, 8)) == []
    assert list(windows(stretch, 3, dt.date(2024, 2, 1))) == []


def test_a_user_table_lists_what_it_has_when_asked_for_more(write):
    table = load_csv(write("date,GBP/USD\n2024-01-02,1.27\n"))
    with pytest.raises(UsageError, match="has no EUR or JPY; it has GBP, USD"):
        series(table, "EUR/JPY")
    two = RateTable("t", days("2024-01-02"), {"AUD/USD": np.array([0.7]), "GBP/JPY": np.array([190.0])})
    with pytest.raises(UsageError, match="has no USD/JPY; it quotes AUD/USD, GBP/JPY"):
        series(two, "USD/JPY")
