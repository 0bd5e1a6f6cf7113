"""Whether a new copy of a history may take the place of the one at hand. All rates are invented."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from ratecast.rates.succession import MOST_REVISED, compare
from tests.ecb_zips import LAST, changed, history, later, without

TODAY = dt.date(2026, 11, 28)
OLD = history()
NEW = history(later(5))
NEXT = later(1)


def test_a_history_that_only_grew_takes_the_place_of_the_old_one():
    found = compare(NEW, OLD, TODAY)
    assert found.objections == found.revised == found.suspicious == ()
    assert found.added == ("2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05", "2026-11-06")


def test_the_same_history_brings_nothing():
    found = compare(OLD, OLD, TODAY)
    assert (found.added, found.revised, found.objections) == ((), (), ())


def test_a_few_changed_rates_are_revisions_and_are_named():
    table = changed(NEW, {("EUR/USD", LAST): 1.1201, ("EUR/SEK", dt.date(2026, 3, 3)): 10.9777})
    found = compare(table, OLD, TODAY)
    assert found.objections == ()
    assert [str(revision) for revision in found.revised] == [
        f"EUR/USD 2026-10-30 from {OLD.columns['EUR/USD'][-1]:.6g} to 1.1201",
        f"EUR/SEK 2026-03-03 from {OLD.columns['EUR/SEK'][OLD.dates == np.datetime64('2026-03-03')][0]:.6g} to 10.9777",
    ]


def test_a_rate_that_was_missing_is_a_revision_too():
    old = changed(OLD, {("EUR/CHF", LAST): np.nan})
    (revision,) = compare(NEW, old, TODAY).revised
    assert str(revision).startswith("EUR/CHF 2026-10-30 from none to ")


def test_another_spelling_of_the_same_number_is_no_revision():
    table = replace(NEW, columns={pair: column * (1 + 1e-12) for pair, column in NEW.columns.items()})
    assert compare(table, OLD, TODAY).revised == ()


def all_moved(factor: float):
    return replace(NEW, columns={pair: column * factor for pair, column in NEW.columns.items()})


WORSE = {
    "it ends on 2026-10-29, before 2026-10-30": history(dt.date(2026, 10, 29)),
    "2 days are missing, first 2026-03-03": without(NEW, dt.date(2026, 3, 3), dt.date(2026, 3, 4)),
    "1 day is missing, first 2025-11-03": without(NEW, OLD.dates[0].astype(object)),
    "1 rate is missing, first EUR/GBP 2026-03-03": changed(NEW, {("EUR/GBP", dt.date(2026, 3, 3)): np.nan}),
    f"{len(OLD.dates)} rates are missing, first EUR/SEK 2025-11-03": replace(
        NEW, columns={pair: column for pair, column in NEW.columns.items() if pair != "EUR/SEK"}
    ),
    "1 rate changed by more than its pair moves, first EUR/USD 2026-10-30 from": changed(NEW, {("EUR/USD", LAST): 1.4}),
    f"{5 * len(OLD.dates):,} rates of the past changed, first EUR/USD 2025-11-03": all_moved(1.001),
    "which is in the future": history(dt.date(2026, 12, 3)),
    "EUR/JPY 2026-11-02 is 17.1 after 17": changed(NEW, {("EUR/JPY", NEXT): 17.1}),
    "EUR/CHF 2026-11-06 is 0.4 after 0.9": changed(NEW, {("EUR/CHF", later(5)): 0.4}),
    "3 of 5 new rates look like faults, first EUR/USD 2026-11-02": changed(
        history(NEXT), {("EUR/USD", NEXT): 1.3, ("EUR/JPY", NEXT): 190.0, ("EUR/CHF", NEXT): 1.1}
    ),
}  # fmt: skip


@pytest.mark.parametrize("objection", WORSE)
def test_a_worse_copy_meets_an_objection_that_names_the_day_and_the_rate(objection):
    found = compare(WORSE[objection], OLD, TODAY)
    assert any(objection in text for text in found.objections), found.objections
    assert all("\n" not in text for text in found.objections)


def test_a_day_on_which_the_ecb_publishes_nothing_is_an_objection():
    sunday = np.datetime64("2026-11-01")
    dates = np.insert(NEW.dates, len(OLD.dates), sunday)
    columns = {
        pair: np.insert(column, len(OLD.dates), column[len(OLD.dates)])
        for pair, column in NEW.columns.items()
    }
    found = compare(replace(NEW, dates=dates, columns=columns), OLD, TODAY)
    assert found.objections == ("it has rates of 2026-11-01, on which the ECB publishes none",)


def test_one_unusual_rate_may_be_a_shock_so_it_is_named_and_taken():
    found = compare(changed(NEW, {("EUR/CHF", later(5)): 1.1}), OLD, TODAY)
    assert found.objections == ()
    assert [(rate.pair, rate.day, rate.rule) for rate in found.suspicious] == [
        ("EUR/CHF", "2026-11-06", "unconfirmed")
    ]


def test_as_many_revisions_as_allowed_are_taken_and_one_more_is_not():
    days = OLD.dates[-MOST_REVISED - 1 :].tolist()
    column = OLD.columns["EUR/USD"][-MOST_REVISED - 1 :].tolist()
    rates = {("EUR/USD", day): rate * 1.0001 for day, rate in zip(days, column, strict=True)}
    assert len(compare(changed(NEW, rates), OLD, TODAY).objections) == 1
    rates.popitem()
    assert compare(changed(NEW, rates), OLD, TODAY).objections == ()
