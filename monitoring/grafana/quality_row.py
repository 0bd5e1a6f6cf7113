"""The model page's panels on the data: drift against training, and what the feed gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import DAY, STALE
from monitoring.grafana.panels import bars, coloured, lines, query, rows, with_lines_at
from monitoring.grafana.promql import PAIR, increase, select, total
from ratecast.contract.alerts import Alert
from ratecast.model.references import MIN_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.timeseries import Panel as Lines
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

RATE_AGE = f"min by (pair) ({select('rate_age_seconds', PAIR)})"
# A source that fills weekends is not odd one day and well the next: its count would hide every other.
ODD = f'alert!="{Alert.CARRIED_FORWARD}",{PAIR}'
_OVER_THRESHOLD = f"{select('feature_drift_score', PAIR)} / {select('feature_drift_threshold', PAIR)}"


def drift() -> Sequence[Builder[Panel]]:
    """Windows of returns against training: by both tests, and how many messages say so."""
    return [
        _drift_lines(
            "ks",
            "Kolmogorov-Smirnov",
            "Normal: under the line at 1; up to 5 % of clean windows are over.",
            "yellow",
        ),
        _drift_lines(
            "psi",
            "population stability index",
            "Shown, not judged: it is over the line at 1 in times calmer than any in training, too. Normal: under it.",
            "blue",
        ),
        coloured(
            rows(
                "Drift score over threshold",
                "Each feature's score over its threshold by both tests, the worst first. Normal: under 1, but for up to "
                "5 % of them; KS is judged, PSI only shown. Both tests above 1 is a change of shape; KS alone a shift "
                "of the middle, PSI alone the tails.",
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
                "Messages behind drift",
                "Messages in each pair's drift window, 500 at most. Normal: full after a while; scores need those of "
                f"the dashed line, {MIN_MESSAGES}, and begin anew when a partition moves or a model is exchanged.",
                "short",
                query(f"max by (pair) ({select('feature_drift_window_messages', PAIR)})", "{{pair}}"),
            ).min(0),
            ("yellow", MIN_MESSAGES),
        ),
    ]


def _drift_lines(test: str, name: str, judged: str, color: str) -> Lines:
    labels = f'test="{test}",{PAIR}'
    score, threshold = select("feature_drift_score", labels), select("feature_drift_threshold", labels)
    panel = lines(
        f"Drift by {test.upper()} over threshold",
        f"How far each feature's last messages are from training ({name}), over the score that 99.5 % of training's "
        f"own windows stay under. {judged} No line until a pair has {MIN_MESSAGES} messages.",
        "short",
        query(f"max by (pair, feature) ({score} / {threshold})", "{{pair}} {{feature}}"),
    )
    return with_lines_at(panel.min(0).decimals(2), (color, 1.0))


def quality() -> Sequence[Builder[Panel]]:
    """Rates that look odd, and how old they are."""
    return [
        bars(
            "Quality alerts by code",
            "Messages whose newest rate looks odd, by what it looks like. Normal: few. A misplaced decimal, an "
            "inverted quote, a stuck feed and gaps are faults; a volatility regime is the market. A source that fills "
            "weekends with Friday's rate has carried_forward on all its messages: no fault, and ranges leave them out.",
            "short",
            query(increase("data_quality_alerts_total", PAIR, by="alert"), "{{alert}}"),
        ),
        bars(
            "Quality alerts by pair",
            "The same by pair, without carried_forward. Normal: few. One pair alone points at its feed, all pairs at "
            "once at the source.",
            "short",
            query(increase("data_quality_alerts_total", ODD, by="pair"), "{{pair}}"),
        ),
        coloured(
            rows(
                "Quality alerts in the time shown",
                "Every code of every pair that occurred but carried_forward, the most frequent first. Normal: few rows; "
                "one pair and code with hundreds of messages is a feed that stays broken.",
                "short",
                f"{total('data_quality_alerts_total', ODD, by='pair, alert')} > 0",
                ("pair", "alert"),
                value="messages",
            ).span(12),
            "messages",
            ("transparent", None),
            ("yellow", 10),
            ("red", 100),
        ),
        with_lines_at(
            lines(
                "Rate age by pair",
                "Now minus the day of the newest rate. Normal for daily rates: a saw of one day, up to "
                f"{STALE / DAY:g} over weekends and holidays, which is the dashed line. In a replay it is the age of "
                "the rates replayed, falls, and is no alert.",
                "s",
                query(RATE_AGE, "{{pair}}"),
            ).min(0),
            ("yellow", STALE),
        ),
    ]
