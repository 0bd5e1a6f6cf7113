"""The codes of data-quality alerts. A closed set: messages, metrics, rules and dashboards list it."""

from __future__ import annotations

from enum import StrEnum


class Alert(StrEnum):
    """What is odd about a message's rates; `ratecast.scoring.quality` finds it."""

    JUMP = "jump"
    LEVEL_CONE = "level_cone"
    STUCK = "stuck"
    DECIMAL_SLIP = "decimal_slip"
    INVERTED_QUOTE = "inverted_quote"
    GAP = "gap"
    CARRIED_FORWARD = "carried_forward"
    VOLATILITY_REGIME = "volatility_regime"


# The market got wilder, or it was closed and the feed repeats the last rate: no fault of the rates.
MARKET_ALERTS = frozenset({Alert.CARRIED_FORWARD, Alert.VOLATILITY_REGIME})
