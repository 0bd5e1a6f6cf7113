"""The model page's row on returns that are distributed unlike the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.panels import about, lines, query, with_lines_at
from monitoring.grafana.promql import PAIR, select
from monitoring.grafana.table_panels import colour_numbers, rows
from ratecast.model.references import MIN_MESSAGES

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.timeseries import Panel as Lines

    from monitoring.grafana.panels import Row

_OVER_THRESHOLD = f"{select('feature_drift_score', PAIR)} / {select('feature_drift_threshold', PAIR)}"


def feature_drift() -> Row:
    """Returns the scores of both tests over their thresholds, and the size of the windows."""
    return [
        _scores(
            "ks",
            "Kolmogorov-Smirnov",
            "Under the line at 1. Up to 5 % of windows without a fault exceed it.",
            "If many pairs exceed it, run `ratecast retrain`. A single pair needs no action while its coverage is right.",
            "yellow",
        ),
        _scores(
            "psi",
            "population stability index",
            "Under the line at 1. Periods that are calmer than any in training also exceed it, so it fires no alert.",
            "Compare with KS, which is the test that fires.",
            "blue",
        ),
        colour_numbers(
            rows(
                "Drift score over threshold",
                about(
                    "Each feature's score divided by its threshold, for both tests, highest first.",
                    "Under 1, except for up to 5 % of the rows. Only KS fires an alert.",
                    "Both tests above 1: the shape changed. Only KS: the middle shifted. Only PSI: the tails changed.",
                ),
                "short",
                f"max by (pair, feature, test) ({_OVER_THRESHOLD})",
                ("pair", "feature", "test"),
                value="score / threshold",
            )
            .decimals(2)
            .span(12),
            "score / threshold",
            ("green", None),
            ("yellow", 1.0),
        ),
        with_lines_at(
            lines(
                "Messages in the drift window",
                about(
                    "Messages that the drift scores of each pair are computed from, 500 at most.",
                    "Full after some time. A window starts again when a partition moves or a new model is loaded.",
                    f"Under the dashed line at {MIN_MESSAGES} there is no score. Wait for more messages.",
                ),
                "short",
                query(f"max by (pair) ({select('feature_drift_window_messages', PAIR)})", "{{pair}}"),
            ).min(0),
            ("yellow", MIN_MESSAGES),
        ),
    ]


def _scores(test: str, name: str, normal: str, otherwise: str, color: str) -> Lines:
    labels = f'test="{test}",{PAIR}'
    score, threshold = select("feature_drift_score", labels), select("feature_drift_threshold", labels)
    panel = lines(
        f"Drift by {test.upper()} over threshold",
        about(
            f"Distance of each feature's last messages from training ({name}), divided by the score that 99.5 % of "
            f"training's windows stay under. A pair needs {MIN_MESSAGES} messages.",
            normal,
            otherwise,
        ),
        "short",
        query(f"max by (pair, feature) ({score} / {threshold})", "{{pair}} {{feature}}"),
    )
    return with_lines_at(panel.min(0).decimals(2), (color, 1.0))
