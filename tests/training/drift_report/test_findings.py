"""Plants each kind of finding and checks its words, and that nothing else is found."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.contract.alerts import Alert
from ratecast.model.references import DRIFT_FEATURES
from tests.bundles import SIGMA
from tests.training.drift_report.planted import SLIP, days, one, report, rows, stats, walk
from training.drift_report.episodes import MOST_SPECIFIC_FIRST
from training.drift_report.findings import Action


def found_in(pair):
    return [(finding.action, finding.code) for finding in pair.findings]


@pytest.mark.parametrize("seed", range(12))
def test_a_clean_pair_has_nothing_to_do(seed):
    pair = one(rows(walk(seed=seed)))
    assert (pair.action, pair.verdict) == (Action.NOTHING, "nothing to do")


def test_every_alert_has_a_rank():
    assert set(MOST_SPECIFIC_FIRST) == set(Alert)


def test_a_decimal_slip_is_one_fault_by_its_cause_with_its_days_but_not_the_step_back():
    rates = walk()
    rates[103:113] *= 100
    alerts = {row: {"level_cone": "level cone: 9 sigma", "decimal_slip": SLIP} for row in range(100, 110)}
    alerts[100]["jump"] = alerts[110] = {"jump": "jump: -99 % in one step, 80 sigma"}
    alerts[100]["jump"] = "jump: +9900 % in one step, 80 sigma"
    pair = one(rows(rates, alerts=alerts))
    assert found_in(pair) == [(Action.CHECK_FEED, "decimal_slip")]
    first, last = pair.messages.day(100), pair.messages.day(109)
    assert pair.verdict == (
        f"check the feed of EUR/GBP: decimal slip (100 times the previous rate) from {first} to {last}"
    )


def test_the_end_of_a_slip_is_the_last_wrong_rate_though_the_right_ones_after_it_are_called_slips():
    """Without a level cone the step back counts as a slip while a history contains it."""
    rates = walk()
    rates[103:183] *= 100
    alerts = {row: {"decimal_slip": SLIP} for row in range(100, 180)}
    alerts |= {row: {"decimal_slip": "decimal slip: 1/100 times"} for row in range(180, 240)}
    for row in (100, 180):
        alerts[row] = {"jump": "jump: 80 sigma", **alerts[row]}
    (finding,) = (pair := one(rows(rates, alerts=alerts))).findings
    assert (finding.first, finding.last) == (pair.messages.day(100), pair.messages.day(179))


def test_a_step_that_stayed_before_a_slip_does_not_hide_the_slips_end():
    rates = walk()
    rates[101:] *= 1.05
    rates[103:109] *= 100
    alerts = {row: {"decimal_slip": SLIP} for row in range(100, 106)}
    for row in (98, 100, 106):
        alerts[row] = {"jump": "jump: 8 sigma", **alerts.get(row, {})}
    alerts[106]["decimal_slip"] = "decimal slip: 1/100 times"
    (finding,) = (pair := one(rows(rates, alerts=alerts))).findings
    assert (finding.code, finding.last) == ("decimal_slip", pair.messages.day(105))


def test_two_slips_of_a_rate_each_are_one_fault_until_the_second():
    rates = walk()
    rates[[103, 106]] *= 100
    slip = {"jump": "jump: 80 sigma", "decimal_slip": SLIP}
    (finding,) = (pair := one(rows(rates, alerts={100: slip, 103: slip}))).findings
    assert (finding.first, finding.last) == (pair.messages.day(100), pair.messages.day(103))


def test_a_gap_has_the_days_that_lack_rates_not_those_of_its_alerts():
    alerts = {row: {"gap": "gap: the last 20 steps took 40 days"} for row in range(100, 120)}
    alerts[100] = {"gap": "gap: 15 days between the last two rates"}
    when = np.concatenate((days(100), days(410)[110:]))
    (finding,) = (pair := one(rows(walk(), alerts=alerts, when=when))).findings
    assert (finding.first, finding.last) == (pair.messages.day(99), pair.messages.day(100))
    alerts |= {row: {"gap": "gap: the last 20 steps took 40 days"} for row in range(120, 125)}
    assert one(rows(walk(), alerts=alerts, when=when)).findings[0].last == pair.messages.day(124)


def test_an_ongoing_fault_is_marked_as_ongoing():
    alerts = {row: {"decimal_slip": SLIP} for row in range(390, 400)}
    pair = one(rows(walk(), alerts=alerts))
    assert pair.verdict.endswith(f"since {pair.messages.day(390)}, still ongoing on {pair.messages.day(399)}")
    assert pair.findings[0].last is None
    assert pair.findings[0].brief == f"decimal slip since {pair.messages.day(390)}, ongoing"


def test_a_stuck_feed_counts_from_the_first_repeated_rate():
    rates = walk()
    rates[103:113] = rates[103]
    alerts = {row: {"stuck": f"stuck: {row - 99} equal rates in a row"} for row in range(104, 110)}
    pair = one(rows(rates, alerts=alerts))
    when = f"from {pair.messages.day(101)} to {pair.messages.day(109)}"
    assert pair.verdict == f"check the feed of EUR/GBP: stuck (10 equal rates in a row) {when}"


def test_a_step_that_is_reversed_is_a_feed_fault_and_one_that_stays_is_to_be_confirmed():
    back, stays = walk(), walk()
    back[103:123] *= 1.05
    stays[103:] *= 1.05
    alerts = {100: {"jump": "jump: +5 % in one step, 10 sigma"}}
    pair = one(rows(back, alerts=alerts))
    assert found_in(pair) == [(Action.CHECK_FEED, "jump")]
    assert pair.verdict.endswith(f"reversed on {pair.messages.day(120)}")
    assert pair.findings[0].spans == ((100, 120),)
    pair = one(rows(stays, alerts=alerts))
    assert found_in(pair) == [(Action.CONFIRM, "jump")]
    assert pair.verdict.startswith(
        "confirm EUR/GBP with another source: jump (+5 % in one step, 10 sigma) on "
    )


def test_in_a_market_that_became_volatile_a_step_the_other_way_proves_nothing():
    rates = walk()
    rates[103:] *= 1.05
    rates[110:] *= rates[109] / rates[110] * rates[102] / rates[103]  # the same step back, to the digit
    alerts = {100: {"jump": "jump: +5 % in one step, 10 sigma"}}
    assert found_in(one(rows(rates, alerts=alerts)))[0] == (Action.CHECK_FEED, "jump")
    rates[120:] *= 1.06
    assert found_in(one(rows(rates, alerts=alerts)))[0] == (Action.CONFIRM, "jump")


def test_a_jump_of_the_newest_message_is_not_ongoing():
    pair = one(rows(walk(), alerts={399: {"jump": "jump: +5 % in one step, 10 sigma"}}))
    assert " on " + pair.messages.day(399) in pair.verdict
    assert "ongoing" not in pair.verdict


def test_a_jump_that_no_market_makes_is_a_feed_fault():
    rates = walk()
    rates[103:] *= 1.4  # the test bundle's level_step is a log return of 0.25
    pair = one(rows(rates, alerts={100: {"jump": "jump: +40 %"}}))
    assert found_in(pair)[0] == (Action.CHECK_FEED, "jump")


def test_episodes_of_one_kind_are_one_finding():
    alerts = {row: {"gap": "gap: 9 days between the last two rates"} for row in (50, 100, 150)}
    pair = one(rows(walk(), alerts=alerts))
    assert found_in(pair) == [(Action.CHECK_FEED, "gap")]
    assert "3 times, from" in pair.verdict


def test_ongoing_faults_come_before_ended_ones():
    ended = {row: {"decimal_slip": SLIP} for row in range(100, 110)}
    going_on = {row: {"stuck": "stuck: 9 equal rates"} for row in range(390, 400)}
    found = report(rows(walk(), alerts=ended), rows(walk("EUR/USD"), "EUR/USD", alerts=ended | going_on))
    assert [pair.pair for pair in found.pairs] == ["EUR/USD", "EUR/GBP"]
    assert [finding.code for finding in found.pairs[0].findings] == ["stuck", "decimal_slip"]
    assert found.headline == "Check the feed of EUR/USD (stuck, ongoing) and EUR/GBP (decimal slip, ended)."


def test_a_hole_between_messages_is_reported_unless_an_alert_reports_it():
    predictions = rows(walk(count=60))
    del predictions[20:30]
    pair = one(predictions)
    assert found_in(pair) == [(Action.CHECK_FEED, "silence")]
    assert "no messages for 15 days between 2025-01-28 and 2025-02-12" in pair.verdict
    predictions[20].alerts.append("gap")
    assert found_in(one(predictions)) == [(Action.CHECK_FEED, "gap")]


def test_only_the_pair_that_falls_silent_while_others_go_on_is_reported():
    found = report(rows(walk(count=100)), rows(walk("EUR/USD", 80), "EUR/USD"))
    assert [(pair.pair, found_in(pair)) for pair in found.pairs] == [
        ("EUR/USD", [(Action.CHECK_FEED, "silence")]),
        ("EUR/GBP", []),
    ]
    assert found.headline.startswith("Check the feed of EUR/USD (no messages, ongoing).")


def test_a_level_that_left_training_for_good_asks_for_a_retraining():
    rates = walk(count=300) * np.exp(np.linspace(0, 0.4, 303))
    pair = one(rows(rates))
    assert found_in(pair) == [(Action.RETRAIN, "level_left")]
    assert pair.verdict == (
        "retrain the model: the rate of EUR/GBP has left the range seen in training (60 of the newest 60 messages are "
        "outside 0.595 to 1.105); its returns are as in training"
    )
    since = int(np.flatnonzero([str(pair.messages.day(r)) == pair.findings[0].first for r in range(300)])[0])
    assert pair.messages.rates[since] > 1.105
    assert (pair.messages.rates[:since] <= 1.105).all()


def test_a_level_that_came_back_asks_for_nothing():
    there_and_back = np.concatenate((np.linspace(0, 0.4, 150), np.linspace(0.4, 0.2, 153)))
    pair = one(rows(walk(count=300) * np.exp(there_and_back)))
    assert pair.levels_out > 0.2
    assert pair.drifted[-60:].any()
    assert pair.drifted[-60:, :3].any(axis=1).mean() < 0.5
    assert pair.findings == []


@pytest.mark.parametrize(("half", "fault"), [((0.9, 1.96), "too narrow"), ((1.9, 1.96), "too wide")])
def test_a_range_with_wrong_coverage_is_reported_with_its_share_and_count(half, fault):
    pair = one(rows(walk(), half=half))
    share = 100 * pair.answers.newest().coverage[0]
    assert found_in(pair) == [(Action.RETRAIN, "coverage_80")]
    assert pair.verdict == (
        f"retrain the model: the 80 % range of EUR/GBP is {fault}, "
        f"it contained {share:.0f} % of 399 next rates"
    )


def test_accuracy_is_not_checked_with_few_answers():
    assert one(rows(walk(count=100), half=(0.2, 1.96))).findings == []
    assert one(rows(walk(count=101), half=(0.2, 1.96))).findings != []


def test_forecasts_that_are_worse_than_the_last_rate_are_reported():
    pair = one(rows(walk(), shift=2 * SIGMA, half=(3.3, 4.0)))
    assert (Action.RETRAIN, "error") in found_in(pair)
    assert pair.answers.error_ratio > 1.5


@pytest.mark.parametrize(("factor", "word"), [(2.0, "more volatile"), (0.5, "calmer")])
def test_a_market_whose_returns_changed_is_reported_with_its_direction(factor, word):
    found = one(rows(walk(sigma=factor * SIGMA, count=300), half=(1.2816 * factor, 1.96 * factor)))
    assert found_in(found) == [(Action.MARKET, "returns_changed")]
    assert found.verdict.startswith(f"the market of EUR/GBP is {word}: returns vary ")


@pytest.mark.parametrize(("over", "expected"), [("psi", []), ("ks", [(Action.MARKET, "returns_changed")])])
def test_returns_changed_by_ks_and_psi_is_only_shown(over, expected):
    model = stats()
    limits = {test: {250: 1e-4 if test == over else 9.0} for test in ("psi", "ks")}
    reference = model.feature_drift["EUR/GBP"]["return_1"].model_copy(update={"thresholds": limits})
    references = {"EUR/GBP": dict.fromkeys(DRIFT_FEATURES, reference)}
    pair = one(rows(walk()), model=stats(feature_drift=references))
    assert found_in(pair) == expected
    assert {path.test for path in pair.paths if path.over} == {over}
    assert pair.worst_path.test == "ks"
    left = one(
        rows(walk(count=300) * np.exp(np.linspace(0, 0.4, 303))), model=stats(feature_drift=references)
    )
    assert ("have changed too" if expected else "are as in training") in left.verdict


def test_the_headline_distinguishes_a_changed_market_from_one_that_was_volatile_for_a_while():
    words = {"volatility_regime": "volatility regime: the last 10 returns are 2.9 times training's"}
    found = report(
        rows(walk(), alerts=dict.fromkeys(range(100, 105), words)),
        rows(walk("EUR/USD", sigma=2 * SIGMA), "EUR/USD", half=(2.56, 3.92)),
    )
    assert found.headline == (
        "The market of EUR/USD has changed and the market of EUR/GBP was more volatile for a while, "
        "which is not a fault."
    )


def test_a_volatile_market_is_reported_from_five_alerts_on():
    words = {"volatility_regime": "volatility regime: the last 10 returns are 2.9 times training's"}
    pair = one(rows(walk(), alerts=dict.fromkeys(range(100, 105), words)))
    assert found_in(pair) == [(Action.MARKET, "volatility_regime")]
    assert (
        "the market of EUR/GBP was more volatile: the last 10 returns are 2.9 times training's, from"
        in pair.verdict
    )
    assert one(rows(walk(), alerts=dict.fromkeys(range(100, 104), words))).findings == []


def test_a_source_that_fills_weekends_is_neither_volatile_nor_a_broken_feed():
    words = {"carried_forward": "carried forward: 16 of the rates are of Saturdays or Sundays"}
    assert one(rows(walk(), alerts=dict.fromkeys(range(200), words))).findings == []


def test_a_fault_makes_neither_the_market_volatile_nor_the_ranges_wrong():
    """A slip gives two huge returns, and ranges that are a hundred times too wide for 61 messages after it."""
    rates = walk()
    rates[203] *= 100
    predictions = rows(rates, alerts={200: {"decimal_slip": SLIP}})
    for row in predictions[200:262]:
        row.intervals.level_80 = row.intervals.level_95 = (row.baseline / 10, row.baseline * 10)
    assert found_in(one(predictions)) == [(Action.CHECK_FEED, "decimal_slip")]


def test_feeds_come_before_retraining_and_that_before_the_market():
    rates = walk(count=300, sigma=2 * SIGMA) * np.exp(np.linspace(0, 0.5, 303))
    slip = {key: {"decimal_slip": SLIP} for key in range(50, 53)}
    pair = one(rows(rates, alerts=slip, half=(2.56, 3.9)))
    assert [action for action, _ in found_in(pair)] == [Action.CHECK_FEED, Action.RETRAIN, Action.MARKET]
    assert "its returns have changed too" in pair.findings[1].text
    assert pair.action is Action.CHECK_FEED


def test_an_unknown_alert_is_a_feed_fault():
    pair = one(rows(walk(), alerts={100: {"moon_phase": "moon phase: full"}}))
    assert found_in(pair) == [(Action.CHECK_FEED, "moon_phase")]


def test_without_references_there_are_no_scores_and_no_findings_on_returns():
    pair = one(rows(walk(sigma=2 * SIGMA), half=(2.56, 3.9)), model=stats(feature_drift={}))
    assert (pair.paths, pair.findings) == ([], [])
