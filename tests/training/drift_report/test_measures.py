from __future__ import annotations

import numpy as np
import pytest

from monitoring.windows.feature_drift import FeatureDriftWindows, merged_scores
from ratecast.contract.alerts import Alert
from ratecast.model.forecast import Forecaster
from ratecast.scoring.quality import Quality
from tests.bundles import LEVELS
from tests.training.drift_report.planted import SLIP, collected, one, rows, stats, walk
from training.drift_report import measures


def table_of(predictions):
    return next(iter(collected(predictions).pairs.values()))


class _NoForest:
    def predict(self, inputs):
        return np.ones((len(inputs), 2))


def test_the_classic_rule_is_that_of_the_worker():
    rates = np.concatenate((walk(), 1.35 * walk(seed=2)))
    model = stats()
    forecaster = Forecaster(model, _NoForest())
    histories = [rates[at - 2 : at + 1] for at in range(3, len(rates))]
    theirs = forecaster.forecast(
        forecaster.windows(histories, np.zeros(len(histories), dtype=np.intp))
    ).drifted
    ours = measures.drifted(table_of(rows(rates)).features, model.pairs["EUR/GBP"], model.drift_std_threshold)
    np.testing.assert_array_equal(ours, theirs)
    assert 0 < ours.mean() < 1


@pytest.mark.parametrize("count", [249, 250, 700])
def test_the_newest_score_of_a_clean_feed_is_that_of_the_worker(count):
    table, model = table_of(rows(walk(count=count))), stats()
    windows = FeatureDriftWindows(tuple(LEVELS), model.feature_drift)
    windows.add(np.zeros(count, dtype=np.intp), table.features)
    theirs = {(s.feature, s.test): (s.score, s.threshold) for s in merged_scores([windows])}
    paths = measures.score_paths(table, np.ones(count, dtype=np.bool_), model.feature_drift["EUR/GBP"])
    ours = {(p.feature, p.test): (p.scores[-1], p.thresholds[-1]) for p in paths if len(p)}
    assert ours.keys() == theirs.keys()
    assert len(ours) == (0 if count < 250 else 4)
    for key, found in ours.items():
        assert found == pytest.approx(theirs[key])


def test_a_return_on_an_edge_is_in_the_bin_below_it_as_in_training():
    reference = stats().feature_drift["EUR/GBP"]["return_1"]
    counts, ends = measures.window_counts(np.zeros(250), reference)
    assert ends.tolist() == [250]
    assert counts[0].nonzero()[0].tolist() == [reference.edges.index(0.0)]


def test_an_alert_excludes_its_message_and_the_two_that_contain_its_rate_but_a_gap_does_not():
    table = table_of(rows(walk(count=10), alerts={3: {"jump": ""}, 7: {"gap": ""}}))
    assert np.flatnonzero(~measures.trusted(table)).tolist() == [3, 4, 5]


def test_weekends_that_were_carried_forward_are_neither_messages_nor_answers():
    rates, when = walk(count=40), np.datetime64("2025-01-01") + np.arange(40)
    weekend = np.flatnonzero(~np.is_busday(when)).tolist()
    for row in weekend:
        rates[3 + row] = rates[2 + row]
    rates[3 + 12] = rates[2 + 12]  # a Monday may repeat a rate as well
    words = {row: {"carried_forward": ""} for row in range(40)}
    filled = table_of(rows(rates, alerts=words, when=when))
    assert np.flatnonzero(~measures.trusted(filled)).tolist() == weekend
    quoted = table_of(rows(rates, when=when))
    assert measures.trusted(quoted).all()
    assert not set(measures.answers(filled).rows.tolist()) & set(weekend)
    assert measures.answers(filled).left_out == len(weekend)


def test_live_windows_leave_out_each_message_with_an_alert_of_the_feed_but_not_the_two_after_it():
    """The report's notes describe this difference between the metric and the report."""
    alerts = {3: {"jump": ""}, 7: {"gap": ""}, 9: {"volatility_regime": ""}}
    live = Quality(10, {row: {Alert(code): "" for code in found} for row, found in alerts.items()})
    assert np.flatnonzero(live.faulty()).tolist() == [3, 7]
    table = table_of(rows(walk(count=10), alerts=alerts))
    assert np.flatnonzero(~measures.trusted(table)).tolist() == [3, 4, 5]


def test_an_answer_needs_the_message_before_it():
    rates = walk(count=40)
    predictions = rows(rates)
    del predictions[20]
    found = measures.answers(table_of(predictions))
    # The first of 39 messages and the one after the hole have no answer.
    assert len(found) == 37
    np.testing.assert_allclose(found.error, found.naive)


def test_forecasts_whose_history_contains_a_faulty_rate_are_left_out_of_accuracy():
    found = measures.answers(table_of(rows(walk(count=200), alerts={50: {"decimal_slip": SLIP}})))
    assert 49 in found.rows
    assert not set(range(50, 112)) & set(found.rows.tolist())
    assert 112 in found.rows
    assert found.left_out == 62


def test_rolling_accuracy_is_that_of_each_window():
    pair = one(rows(walk(count=700)))
    rolling, answers = pair.rolling, pair.answers
    assert len(rolling.rows) == len(answers) - 99
    for place in (0, 300, len(rolling.rows) - 1):
        window = slice(max(0, place + 100 - 500), place + 100)
        assert rolling.coverage[place] == pytest.approx(answers.inside[window].mean(axis=0))
        assert rolling.error_ratio[place] == pytest.approx(1.0)
    assert answers.newest().coverage == pytest.approx(rolling.coverage[-1])
