from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.plan.faults import TAKES_RATES_AWAY, FaultKind
from producer.plan.injection import faulty, inject
from ratecast.rates import tables as rates
from ratecast.rates.tables import Series

RATES = [0.8341, 0.8352, 0.8338, 0.8361, 0.8349, 0.8355]


def series(values: list[float] | np.ndarray = RATES, first: str = "2025-01-01") -> Series:
    return Series("EUR/GBP", np.arange(first, len(values), dtype="datetime64[D]"), np.array(values))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.LEVEL_JUMP, [0.8341, 0.8352, 8.338, 8.361, 8.349, 8.355]),
        (FaultKind.DECIMAL_SLIP, [0.8341, 0.8352, 83.38, 0.8361, 0.8349, 0.8355]),
        (FaultKind.DECIMAL_SLIP_FOR_GOOD, [0.8341, 0.8352, 83.38, 83.61, 83.49, 83.55]),
        (FaultKind.INVERTED, [0.8341, 0.8352, 1.19933, 1.19603, 1.19775, 1.19689]),
        (FaultKind.STEP, [0.8341, 0.8352, 0.87549, 0.877905, 0.876645, 0.877275]),
        (FaultKind.STUCK, [0.8341, 0.8352, 0.8352, 0.8352, 0.8352, 0.8352]),
        (FaultKind.WRONG_PAIR, [0.8341, 0.8352, 3.0, 4.0, 5.0, 6.0]),
    ],
)
def test_a_fault_changes_the_rates_from_its_beginning_and_none_before(kind, expected):
    other = np.arange(1.0, 7.0) if kind is FaultKind.WRONG_PAIR else None
    changed = inject(series(), kind, 2, other=other)
    assert changed.rates.tolist() == expected
    assert (changed.dates == series().dates).all()
    assert series().rates.tolist() == RATES


def test_a_volatile_feed_multiplies_every_log_return_by_five():
    clean = rates.series(rates.load_ecb(), "EUR/GBP")[0]
    start = len(clean.rates) - 250
    changed = inject(clean, FaultKind.VOLATILITY, start)
    before, after = np.diff(np.log(clean.rates)), np.diff(np.log(changed.rates))
    assert (after[: start - 1] == before[: start - 1]).all()
    # Six significant digits leave at most 5e-6 on either end of a return.
    np.testing.assert_allclose(after[start - 1 :], 5 * before[start - 1 :], atol=1.1e-5)


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - TAKES_RATES_AWAY))
def test_after_n_rates_the_clean_ones_are_back(kind):
    changed = inject(series(), kind, 1, 2, np.arange(1.0, 7.0))
    assert (changed.rates != RATES).nonzero()[0].tolist() == [1, 2]


def test_a_gap_takes_calendar_days_away_and_not_that_many_rates():
    weekdays = np.array(
        [day for day in np.arange("2025-03-03", 28, dtype="datetime64[D]") if np.is_busday(day)]
    )
    clean = Series("EUR/GBP", weekdays, 1.0 + np.arange(20.0))
    usual = inject(clean, FaultKind.GAP, 5)
    assert usual.dates.astype(str).tolist()[4:6] == ["2025-03-07", "2025-03-20"]
    assert usual.rates.tolist() == [1, 2, 3, 4, 5, *range(14, 21)]
    assert len(inject(clean, FaultKind.GAP, 5, 3).rates) == 17


def test_a_lossy_feed_loses_every_second_rate_the_first_included():
    clean = series(1.0 + np.arange(80.0))
    kept = inject(clean, FaultKind.MISSING, 10)
    assert sorted(set(clean.rates) - set(kept.rates)) == [float(n) for n in range(11, 41, 2)]
    assert (kept.rates == 1 + (kept.dates - clean.dates[0]).astype(int)).all()
    assert len(inject(clean, FaultKind.MISSING, 10, 5).rates) == 77


def test_a_moved_decimal_point_keeps_every_digit():
    changed = inject(series([1.2345678912, 1.2345678912]), FaultKind.DECIMAL_SLIP, 1)
    assert changed.rates.tolist() == [1.2345678912, 123.45678912]


def test_a_feed_that_is_stuck_from_its_first_rate_repeats_that_one():
    assert inject(series(), FaultKind.STUCK, 0).rates.tolist() == [RATES[0]] * 6


@given(
    values=st.lists(st.floats(5e-324, 1.7e308), min_size=1, max_size=30),
    kind=st.sampled_from(sorted(FaultKind)),
    start=st.integers(0, 29),
    count=st.none() | st.integers(1, 999_999),
)
def test_whatever_a_fault_does_rates_stay_positive_and_finite_and_only_faulty_ones_change(
    values, kind, start, count
):
    clean, kind, start = series(values), FaultKind(kind), min(start, len(values) - 1)
    mask = faulty(clean.dates, kind, start, count)
    changed = inject(clean, kind, start, count, np.array(values))
    assert np.isfinite(changed.rates).all()
    assert (changed.rates > 0).all()
    assert mask[start]
    assert not mask[:start].any()
    untouched = np.isin(changed.dates, clean.dates[~mask])
    assert (changed.rates[untouched] == clean.rates[~mask]).all()
    assert len(changed.rates) == (int((~mask).sum()) if kind in TAKES_RATES_AWAY else len(values))


def test_wrong_pair_without_the_other_rates_is_a_programming_error():
    with pytest.raises(ValueError, match="other pair"):
        inject(series(), FaultKind.WRONG_PAIR, 1)
