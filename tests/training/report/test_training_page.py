from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pytest

from ratecast.model.ranges import LEVELS
from training.regimes import terciles
from training.report.fan_figure import FAN_DAYS, fan
from training.report.regime_coverage import AFTER_SHOCK, by_regime
from training.report.training_page import Origin, fan_pairs, render

ORIGIN = Origin("rates.csv", {})


@pytest.fixture(scope="module")
def page(trained):
    return html.unescape(render(trained.stats, trained.evaluation, ORIGIN))


def test_the_verdicts_come_before_everything_else(page):
    subjects = re.findall(r"<h2>(.+?)</h2>", page)
    assert subjects[:4] == ["Point forecast", "Range", "Weakest pair", "Do ranges hold what they promise?"]
    assert page.index('class="verdict') < page.index("<svg") < page.index("<table")


def test_no_two_elements_have_the_same_id(page):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) >= 2 * page.count("<svg ") > 0
    assert len(ids) == len(set(ids))


def test_the_fans_mark_each_breach_and_count_them(trained):
    outcomes = trained.evaluation.outcomes
    for name, position in fan_pairs(trained.stats, trained.evaluation).items():
        tail = np.flatnonzero(outcomes.pair == position)[-FAN_DAYS:]
        outside = np.abs(outcomes.actual - outcomes.step)[tail, None] > outcomes.half[tail]
        drawn = fan(outcomes, name, position)
        narrow, wide = outside.sum(axis=0).tolist()
        assert drawn.picture.count('class="breach"') == wide
        assert drawn.picture.count('class="near-breach"') == narrow - wide
        assert drawn.sentence.startswith(f"{wide} of {len(tail)} rates are outside the 95 % range")
        width = 100 * np.expm1(outcomes.half[tail[-1], 1] * outcomes.scale[tail[-1]])
        assert f"{width:.2f}\u00a0%" in drawn.sentence


def test_kinds_of_days_are_measured_on_their_own_days(trained):
    n = len(trained.evaluation.outcomes.date)
    outcomes = replace(trained.evaluation.outcomes, shock=np.arange(n) % 9 == 0)
    found = by_regime(outcomes)
    third = terciles(outcomes.volatility)
    masks = {"calm": third == 0, "middle": third == 1, "wild": third == 2, AFTER_SHOCK: outcomes.shock}
    assert list(found) == list(masks)
    for name, mask in masks.items():
        inside = np.abs(outcomes.actual - outcomes.step)[mask, None] <= outcomes.half[mask]
        assert found[name].n == mask.sum() > 0
        assert [found[name].coverage[level] for level in LEVELS] == pytest.approx(inside.mean(axis=0))
    assert AFTER_SHOCK not in by_regime(replace(outcomes, shock=np.zeros(n, dtype=bool)))


def test_a_test_of_one_day_and_a_peg_still_make_a_page(trained):
    evaluation = trained.evaluation
    last = evaluation.outcomes.date.max()
    one_day = evaluation.outcomes.where(evaluation.outcomes.date == last)
    peg = replace(one_day, actual=0 * one_day.actual, half=1e-9 * one_day.half)
    for outcomes in (one_day, peg):
        few = replace(evaluation, outcomes=outcomes, years={}, walk_forward=None, reliability=())
        assert "nan" not in render(trained.stats, few, ORIGIN)


def test_names_from_a_file_are_text_in_the_page(trained):
    hostile = "<img src=x onerror=alert(1)>"
    assert hostile not in render(
        trained.stats, trained.evaluation, Origin(hostile, {hostile: hostile}, [hostile])
    )
