"""The training report: one HTML file that says first whether the model can be trusted, then shows why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.html_page import render_page
from training.regimes import SHOCK_SIGMAS
from training.report import reliability_figure, results_table, verdicts, worst_stretch
from training.report.coverage_figure import coverage_figure
from training.report.fan_figure import fan
from training.report.regime_coverage import by_regime
from training.report.stretch_figure import stretch_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.model.training_stats import TrainingStats
    from training.evaluate import Evaluation, Metrics

TEMPLATE = "training_page.html.j2"
FAN_PAIRS = 4


@dataclass(frozen=True)
class Origin:
    """Where the rates come from and what was left out of them.

    Attributes:
        source: name of the rates.
        skipped: pair -> why it was left out.
        notes: sentences on other rates that training left out and on figures that are missing.
    """

    source: str
    skipped: dict[str, str]
    notes: Sequence[str] = ()


def render(stats: TrainingStats, evaluation: Evaluation, origin: Origin) -> str:
    """Returns the report as HTML.

    Args:
        stats: statistics of the model in the bundle.
        evaluation: results of a model trained the same way on earlier days.
        origin: the rates.
    """
    outcomes, names = evaluation.outcomes, list(stats.pairs)
    regimes = by_regime(outcomes)
    worst = worst_stretch.worst_of_all_pairs(outcomes)
    stretches = [worst] if len(evaluation.pairs) > 1 else []
    years = {str(year): metrics for year, metrics in evaluation.years.items()}
    by_pair = results_table.results_table(evaluation.test, evaluation.pairs)
    by_day = results_table.results_table(evaluation.test, regimes)
    by_year = results_table.results_table(evaluation.walk_forward, years) if evaluation.walk_forward else None
    return render_page(
        Path(__file__).with_name(TEMPLATE),
        stats=stats,
        evaluation=evaluation,
        origin=origin,
        span=(
            min(pair.first_date for pair in stats.pairs.values()),
            max(pair.last_date for pair in stats.pairs.values()),
        ),
        first_tested=outcomes.date.min(),
        verdicts=verdicts.verdicts(stats, evaluation, regimes),
        points=(verdicts.GREEN_POINTS, verdicts.RED_POINTS),
        shock_sigmas=SHOCK_SIGMAS,
        levels=LEVELS,
        lengths=sorted(stats.intervals[LEVELS[0]]),
        reliability=[draw(evaluation.reliability) for draw in _RELIABILITY] if evaluation.reliability else [],
        coverage_by_pair=coverage_figure("pairs", "Coverage by pair", _farthest_first(evaluation)),
        coverage_by_day=coverage_figure(
            "days", "Coverage by kind of day", {"all days": evaluation.test} | regimes
        ),
        coverage_by_year=coverage_figure("years", "Coverage by year", years) if years else None,
        fans=[fan(outcomes, name, position) for name, position in fan_pairs(stats, evaluation).items()],
        stretches=[*stretches, worst_stretch.worst_of_a_pair(outcomes, names)],
        stretch_days=worst_stretch.STRETCH_DAYS,
        stretch_picture=stretch_figure(outcomes, worst) if len(np.unique(outcomes.date)) > 1 else None,
        by_pair=by_pair,
        by_day=by_day,
        by_year=by_year,
        meanings=results_table.meanings([table for table in (by_pair, by_day, by_year) if table]),
    )


_RELIABILITY = (reliability_figure.reliability_figure, reliability_figure.distance_figure)


def _farthest_first(evaluation: Evaluation) -> dict[str, Metrics]:
    """Returns the results by pair, ordered by the coverage of the 95 % range, the lowest first."""
    return dict(sorted(evaluation.pairs.items(), key=lambda item: item[1].coverage["95"]))


def fan_pairs(stats: TrainingStats, evaluation: Evaluation) -> dict[str, int]:
    """Returns the pairs to draw, name -> position: the default pair, then a calm, a middling and a volatile one."""
    names = list(stats.pairs)
    tested = [name for name in names if name in evaluation.pairs and name != stats.default_pair]
    by_sigma = sorted(tested, key=lambda name: stats.pairs[name].sigma)
    spread = np.linspace(0, len(by_sigma) - 1, min(FAN_PAIRS - 1, len(by_sigma))).astype(int)
    first = [stats.default_pair] if stats.default_pair in evaluation.pairs else []
    return {name: names.index(name) for name in first + [by_sigma[i] for i in spread]}
