"""The drift report: one HTML file whose first sentence says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ratecast.contract.alerts import MARKET_ALERTS
from ratecast.model.ranges import LEVELS
from training.drift_report import market, measures, model_age
from training.drift_report.pair_figure import pair_figure
from training.drift_report.timeline_figure import timeline
from training.html_page import render_page

if TYPE_CHECKING:
    from training.drift_report.analysis import DriftReport

TEMPLATE = "drift_page.html.j2"
MOST_FIGURES = 10  # each takes a third of a second


def render(report: DriftReport) -> str:
    """Returns the report as HTML; text from messages is escaped."""
    with_findings = [pair for pair in report.pairs if pair.findings]
    return render_page(
        Path(__file__).with_name(TEMPLATE),
        report=report,
        levels=LEVELS,
        overview=timeline(report) if with_findings else None,
        figures=[(pair, pair_figure(pair)) for pair in with_findings[:MOST_FIGURES]],
        left_out=[pair.pair for pair in with_findings[MOST_FIGURES:]],
        market=market,
        model_age=model_age,
        measures=measures,
        market_alerts=sorted(MARKET_ALERTS),
    )
