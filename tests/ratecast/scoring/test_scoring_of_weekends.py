"""Messages of a source that fills weekends with Friday's rate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.fakes import FakeRecord
from tests.ratecast.scoring.test_scorer import NOW, SCORER, feed, message, score

if TYPE_CHECKING:
    from ratecast.contract.messages import Prediction


def filled(days: int = 90, seed: int = 1, until: str = "2025-01-06") -> tuple[list[float], list[str]]:
    """A clean feed and its dates, with Friday's rate on Saturdays and Sundays; the last date is a Monday."""
    dates = np.datetime64(until) - np.arange(days)[::-1]
    open_days = np.is_busday(dates)
    rates = np.array(feed(days=int(open_days.sum()), seed=seed))
    return rates[np.maximum(np.cumsum(open_days) - 1, 0)].tolist(), [str(day) for day in dates]


def widths(prediction: Prediction) -> list[float]:
    return [
        np.log(high / low) for low, high in (prediction.intervals.level_80, prediction.intervals.level_95)
    ]


def test_weekends_that_were_carried_forward_are_reported_and_narrow_no_range() -> None:
    ratios = []
    for seed in range(40):
        rates, times = filled(seed=seed)
        kept = np.is_busday(np.array(times, dtype="datetime64[D]"))
        open_days = message(np.array(rates)[kept].tolist(), times=np.array(times)[kept].tolist())
        undated, weekends, without = score(message(rates), message(rates, times=times), open_days)
        assert (undated.alerts, weekends.alerts, without.alerts) == ([], ["carried_forward"], [])
        ratios.append([np.divide(widths(x), widths(without)) for x in (undated, weekends)])
    unnoticed, noticed = np.mean(ratios, axis=0)
    assert noticed == pytest.approx([1, 1], abs=0.02)
    assert (unnoticed < 0.9).all()
    # Each by itself differs a little: 61 rates with weekends reach back over fewer open days.
    assert (np.array(ratios)[:, 1].std(axis=0) < 0.08).all()


def test_the_alert_counts_the_rates_that_were_carried_forward() -> None:
    rates, times = filled()
    (prediction,) = score(message(rates[-15:], times=times[-15:]))
    assert prediction.alert_messages == {
        "carried_forward": "carried forward: 4 rates of Saturdays and Sundays only repeat the rate before them"
    }


def test_a_filled_weekend_beside_a_holiday_is_not_stuck_and_a_feed_that_hangs_is() -> None:
    rates, times = filled()
    easter = [*rates[:-4], *[rates[-5]] * 4]  # Thursday's rate to Monday: five equal ones, three of open days
    (holiday,) = score(message(easter, times=times))
    assert holiday.alerts == ["carried_forward"]
    (undated,) = score(message(easter))
    assert undated.alerts == ["stuck"]
    hung = [*rates[:-6], *[rates[-7]] * 6]  # the same rate from Tuesday to Monday
    (hanging,) = score(message(hung, times=times))
    assert hanging.alerts == ["stuck", "carried_forward"]
    assert hanging.alert_messages["stuck"] == "stuck: 5 equal rates in a row"


def test_weekends_that_are_quoted_change_nothing() -> None:
    rates = feed()
    times = [str(np.datetime64("2025-01-06") - np.timedelta64(back, "D")) for back in range(len(rates))][::-1]
    values = SCORER.score([FakeRecord(message(rates)), FakeRecord(message(rates, times=times))], NOW).values
    undated, quoted = (json.loads(value) for value in values)
    assert quoted["alerts"] == []
    assert quoted["intervals"] == undated["intervals"]


def test_a_newest_rate_that_was_carried_forward_counts_for_neither_accuracy_nor_drift() -> None:
    rates, times = filled()
    records = [
        FakeRecord(message(rates[:end], times=times[:end])) for end in (88, 89, 90)
    ]  # Saturday to Monday
    batch = SCORER.score(records, NOW)
    assert batch.alerts == [("EUR/GBP", "carried_forward")] * 3
    assert batch.observations[0].hindcasts.alerted.tolist() == [True, True, False]
    assert batch.observations[0].features[:, 0].tolist() == [rates[-1]]
