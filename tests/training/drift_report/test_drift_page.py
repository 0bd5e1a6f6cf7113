from __future__ import annotations

import base64
import json
import re
import time

import numpy as np
import pytest
from matplotlib.dates import num2date

from tests.bundles import LEVELS
from tests.training.drift_report.planted import SLIP, days, report, rows, stats, walk
from training.drift_report import drift_page as page
from training.drift_report import timeline_figure
from training.drift_report.analysis import analyse
from training.drift_report.drift_headline import listed
from training.drift_report.json_report import as_json
from training.drift_report.prediction_table import Collector
from training.drift_report.return_histogram import merged_bins

SLIPS = {key: {"decimal_slip": SLIP} for key in range(100, 110)}


def figures(html):
    return re.findall(r'src="data:image/png;base64,([^"]+)"', html)


def test_a_report_without_findings_has_a_table_and_no_figures():
    html = page.render(report(*(rows(walk(pair), pair) for pair in LEVELS)))
    assert "Nothing to do: all 4 pairs look as in training." in html
    assert figures(html) == []
    assert html.count('<th scope="row">EUR/') == 4


def test_a_pair_with_a_finding_has_a_figure_besides_the_timeline():
    html = page.render(report(rows(walk(), alerts=SLIPS), rows(walk("EUR/USD"), "EUR/USD")))
    found = [base64.b64decode(text) for text in figures(html)]
    assert len(found) == 2
    assert all(png.startswith(b"\x89PNG") for png in found)
    assert "<h2>EUR/GBP</h2>" in html
    assert "<h2>EUR/USD</h2>" not in html
    assert "https" not in re.sub(r"base64,[^\"]+", "", html)  # nothing to load


def test_silence_is_drawn_hatched_from_the_last_message_to_the_end_of_the_report():
    found = report(rows(walk(count=100)), rows(walk("EUR/USD", 60), "EUR/USD"))
    (axis,) = timeline_figure.draw(found).axes
    (bar,) = axis.patches
    drawn = [num2date(day).date() for day in (bar.get_x(), bar.get_x() + bar.get_width())]
    assert drawn == [days(100)[59].item(), days(100)[99].item()]
    assert bar.get_hatch()
    assert "no messages" in {text.get_text() for text in axis.texts}
    assert "no more messages" in {text.get_text() for text in axis.get_legend().get_texts()}
    (quiet,) = timeline_figure.draw(report(rows(walk(), alerts=SLIPS))).axes
    assert not list(quiet.patches)


def test_the_page_names_the_alerts_with_which_a_message_still_counts():
    html = " ".join(page.render(report(rows(walk(count=1)))).split())
    assert "carry no alert other than carried_forward, gap, volatility_regime" in html
    assert (
        "leaves out every message with a feed alert, also those with a gap, but counts the two messages after it"
        in html
    )


def test_one_pair_is_written_in_the_singular():
    html = " ".join(page.render(report(rows(walk(count=1)))).split())
    assert "1 prediction for 1 pair from invented" in html


def test_text_from_messages_is_escaped_and_breaks_no_figure():
    evil = {"<script>$\\frac{": "<script>alert(1)</script>: $\\frac{漢 \x07"}
    predictions = rows(walk(), alerts=dict.fromkeys(range(100, 110), evil), version="<b>bold</b>")
    found = report(predictions)
    html = page.render(found)
    assert "<script>" not in html
    assert "<b>bold" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    json.dumps(as_json(found), allow_nan=False)


def test_pairs_without_a_figure_are_named(monkeypatch):
    monkeypatch.setattr(page, "MOST_FIGURES", 1)
    found = report(*(rows(walk(pair), pair, alerts=SLIPS) for pair in LEVELS))
    html = page.render(found)
    assert len(figures(html)) == 2
    assert "3 more pairs have findings but no figure here: EUR/USD, EUR/JPY, EUR/CHF" in html
    assert found.headline.startswith(
        "Check the feed of EUR/GBP, EUR/USD, EUR/JPY and EUR/CHF, which may share a source (decimal slip from 2025-"
    )


@pytest.mark.parametrize("count", [1, 2, 90, 300])
def test_any_number_of_messages_makes_a_page(count):
    found = report(rows(walk(count=count), alerts={0: {"jump": "jump: +5 %"}}))
    assert len(figures(page.render(found))) == 2
    json.dumps(as_json(found), allow_nan=False)


def test_rates_that_never_move_make_a_page():
    found = report(
        rows([0.85] * 303, alerts={key: {"stuck": "stuck: 4 equal rates"} for key in range(3, 300)})
    )
    html = page.render(found)
    assert "stuck (4 equal rates)" in html
    assert as_json(found)["pairs"]["EUR/GBP"]["hindcast"]["error_ratio"] is None


def test_another_models_predictions_are_compared_with_a_note():
    found = report(rows(walk(count=5), version="older-1"), rows(walk("EUR/USD", 5), "EUR/USD"))
    assert found.notes == [
        (
            "5 of 10 predictions were made by another model than test-1 (5 by older-1). They are compared with test-1 "
            "as well, but their ranges and alerts come from the other model."
        )
    ]
    assert as_json(found)["model_versions"] == {"older-1": 5, "test-1": 5}


def test_the_json_contains_all_measures():
    document = as_json(report(rows(walk(), alerts=SLIPS)))
    pair = document["pairs"]["EUR/GBP"]
    assert (pair["messages"], pair["first"]) == (400, "2025-01-01")
    assert pair["verdict"]["action"] == "check_feed"
    assert pair["alerts"]["decimal_slip"] == {
        "messages": 10,
        "first": pair["findings"][0]["first"],
        "last": pair["findings"][0]["last"],
        "words": SLIP,
    }
    assert set(pair["drifted_share"]) == {"any", "lag_1", "lag_2", "lag_3", "return_1", "return_2"}
    score = pair["windowed"]["return_1"]["ks"]
    assert 0 < score["score"] <= score["max"] < score["threshold"]
    assert (score["over"], score["over_share"]) == (False, 0.0)
    assert pair["hindcast"]["newest"]["coverage"]["80"] == pytest.approx(0.8, abs=0.07)


def test_bins_closed_at_the_extremes_of_training_keep_all_values():
    reference = stats().feature_drift["EUR/GBP"]["return_1"]
    edges, counts = merged_bins(np.array(reference.edges), np.array(reference.counts), -0.03, 0.03)
    assert (edges[0], edges[-1], counts.sum()) == (-0.03, 0.03, 1000)
    assert len(edges) == len(counts) + 1


def test_ten_thousand_messages_of_twenty_pairs_take_seconds():
    names = [f"EUR/{chr(65 + i)}{chr(65 + i)}X" for i in range(20)]
    model = stats()
    training, limits = model.pairs["EUR/GBP"], model.quality.pairs["EUR/GBP"]
    model = model.model_copy(
        update={
            "pairs": dict.fromkeys(names, training),
            "quality": model.quality.model_copy(update={"pairs": dict.fromkeys(names, limits)}),
            "feature_drift": dict.fromkeys(names, model.feature_drift["EUR/GBP"]),
        }
    )
    collector = Collector(names)
    for seed, name in enumerate(names):
        for row in rows(walk(count=500, seed=seed), name, alerts=SLIPS):
            collector.add(row)
    started = time.process_time()
    html = page.render(analyse(model, collector.messages(), "invented"))
    assert time.process_time() - started < 20
    assert len(figures(html)) == 1 + page.MOST_FIGURES


def test_a_long_list_names_the_first_and_counts_the_rest():
    assert listed(list("ABCDEF")) == "A, B, C, D and 2 more"
