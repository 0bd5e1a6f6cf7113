"""The overview's row on messages that are unlike the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import DRIFTED, DRIFTING, percent
from monitoring.grafana.panels import about, lines, query, with_lines_at
from monitoring.grafana.promql import CLUSTER, PAIR, rate, select

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row

_DASHED = (("yellow", DRIFTING), ("red", DRIFTED))


def drift() -> Row:
    """Returns the share of messages that have drifted, over time and by pair."""
    return [
        with_lines_at(
            lines(
                "Drift ratio over time",
                about(
                    "Share of messages with a feature outside the range of their pair in training. It is shown for the "
                    "selected pairs at each moment, for all pairs of each worker over five minutes, and for all workers "
                    "over a day.",
                    f"Under the lower dashed line, {percent(DRIFTING)}. An alert fires above the upper one, {percent(DRIFTED)}. "
                    "Workers differ because they own different pairs.",
                    "If only levels drift (lag_1 to lag_3), the model is old: run `ratecast retrain`. If returns drift, "
                    "check the data-quality alerts first.",
                ),
                "percentunit",
                query(_share(), "selected pairs"),
                query(select("data_drift_ratio"), "five minutes, {{instance}}"),
                query(select("ratecast:data_drift:ratio_25h", CLUSTER), "a day, all workers"),
            ).min(0),
            *_DASHED,
        ),
        with_lines_at(
            lines(
                "Drift ratio by pair",
                about(
                    "Share of each pair's messages with a feature outside the range of the pair in training.",
                    "Near 0 for most pairs.",
                    "A pair at 100 % has left the levels of training and stays there until the model is trained again with "
                    "`ratecast retrain`.",
                ),
                "percentunit",
                query(_share(by="pair"), "{{pair}}"),
            ).min(0),
            *_DASHED,
        ),
    ]


def _share(by: str = "") -> str:
    drifted, scored = (
        rate(counter, PAIR, by=by) for counter in ("data_drift_requests_total", "prediction_requests_total")
    )
    return f"{drifted} / {scored}"
