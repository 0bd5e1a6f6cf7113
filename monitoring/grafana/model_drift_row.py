"""The model page's panels on drift weighted by how much the ranges depend on each input of the forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.panels import about, lines, query, with_lines_at
from monitoring.grafana.promql import PAIR, select
from monitoring.grafana.table_panels import rows_of_values
from ratecast.model.features import WINDOW
from ratecast.model.references import MIN_MESSAGES

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row

_SCORE, _THRESHOLD = select("model_drift_score", PAIR), select("model_drift_score_threshold", PAIR)
_DRIFT, _IMPORTANCE = select("model_drift_input_score", PAIR), select("feature_importance")
_BY_INPUT = "on (cluster, job, instance, feature) group_left ()"


def model_drift() -> Row:
    """Returns the score over its threshold, and the drift and the importance of each input."""
    return [
        with_lines_at(
            lines(
                "Model drift over threshold",
                about(
                    "Drift of what the range forest saw of each pair's last 500 messages, weighted by how much the ranges "
                    f"depend on each input, divided by its threshold. A pair needs {MIN_MESSAGES} messages with at least "
                    f"{WINDOW} rates.",
                    "Under the line at 1. In training 2.5 % of windows without a fault exceeded it.",
                    "The table beside it shows which inputs drifted. If the coverage is off too, run `ratecast retrain`.",
                ),
                "short",
                query(f"max by (pair) ({_SCORE} / {_THRESHOLD})", "{{pair}}"),
            )
            .min(0)
            .decimals(2),
            ("yellow", 1.0),
        ),
        rows_of_values(
            "Drift and importance of the range forest's inputs",
            about(
                "The drift of each input of the range forest (Kolmogorov-Smirnov statistic, 0 to 1), its importance for the "
                "ranges, and their product. The products of a pair add up to its model drift score.",
                "Drifts of 0.05 to 0.3. A large drift of an unimportant input changes the ranges little.",
                "The first rows explain a high score. The runbook says what a drift of each input often means.",
            ),
            "short",
            ("pair", "feature"),
            {
                "drift": f"max by (pair, feature) ({_DRIFT})",
                "importance": f"max by (pair, feature) (0 * {_DRIFT} + {_BY_INPUT} {_IMPORTANCE})",
                "drift * importance": f"max by (pair, feature) ({_DRIFT} * {_BY_INPUT} {_IMPORTANCE})",
            },
        ).decimals(3),
    ]
