"""The model page's row on the quality of the data: rates that look wrong, and their age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import DAY, STALE
from monitoring.grafana.panels import about, bars, lines, query, with_lines_at
from monitoring.grafana.promql import PAIR, increase, select, total
from monitoring.grafana.table_panels import colour_numbers, rows
from ratecast.contract.alerts import Alert

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row

RATE_AGE = f"min by (pair) ({select('rate_age_seconds', PAIR)})"
# A source that fills weekends has carried_forward on every message, and that count would hide all others.
FAULTS = f'alert!="{Alert.CARRIED_FORWARD}",{PAIR}'


def quality() -> Row:
    """Returns data-quality alerts by code and by pair, and the age of the rates."""
    return [
        bars(
            "Data-quality alerts by code",
            about(
                "Messages whose newest rate looks wrong, by code. A volatility_regime is the market. carried_forward is a "
                "source that fills weekends with Friday's rate on all its messages: no fault, and ranges exclude those "
                "rates.",
                "Few.",
                "A misplaced decimal, an inverted quote, a stuck feed and gaps are faults: correct the feed.",
            ),
            "short",
            query(increase("data_quality_alerts_total", PAIR, by="alert"), "{{alert}}"),
        ),
        bars(
            "Data-quality alerts by pair",
            about(
                "Messages whose newest rate looks wrong, by pair, without carried_forward.",
                "Few.",
                "If one pair is affected, check its feed. If all pairs are affected at once, check the source.",
            ),
            "short",
            query(increase("data_quality_alerts_total", FAULTS, by="pair"), "{{pair}}"),
        ),
        colour_numbers(
            rows(
                "Data-quality alerts by pair and code",
                about(
                    "Codes of each pair in the selected time range, most frequent first, without carried_forward.",
                    "Few rows.",
                    "A pair and code with hundreds of messages is a feed that stays broken. Compare its rates with another "
                    "source.",
                ),
                "short",
                f"{total('data_quality_alerts_total', FAULTS, by='pair, alert')} > 0",
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
                about(
                    "Time since the day of the newest rate.",
                    f"For daily rates a sawtooth of one day, and up to {STALE / DAY:g} days over weekends and holidays "
                    "(dashed line). In a replay it is the age of the replayed rates, which falls and fires no alert.",
                    "The feed has stopped, or its `as_of` does not change. Check the producer and `ratecast tail --json`.",
                ),
                "s",
                query(RATE_AGE, "{{pair}}"),
            ).min(0),
            ("yellow", STALE),
        ),
    ]
