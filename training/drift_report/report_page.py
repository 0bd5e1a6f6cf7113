"""The page: one HTML file with its pictures inside, whose first sentence says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ratecast.contract.alerts import MARKET_ALERTS
from ratecast.model.ranges import LEVELS
from training import pages
from training.drift_report import market, measures, model_age
from training.drift_report.sheet import sheet
from training.drift_report.timeline import timeline

if TYPE_CHECKING:
    from training.drift_report.analysis import DriftReport

TEMPLATE = "page.html.j2"
MOST_SHEETS = 10  # a third of a second each, and a page that nobody scrolls through


def render(report: DriftReport) -> str:
    """The page; what comes from messages is escaped."""
    told = [pair for pair in report.pairs if pair.findings]
    return pages.render(
        Path(__file__).with_name(TEMPLATE),
        report=report,
        levels=LEVELS,
        overview=timeline(report) if told else None,
        sheets=[(pair, sheet(pair)) for pair in told[:MOST_SHEETS]],
        left_out=[pair.pair for pair in told[MOST_SHEETS:]],
        market=market,
        model_age=model_age,
        measures=measures,
        market_alerts=sorted(MARKET_ALERTS),
    )
