"""The codes of data-quality alerts: a closed set that messages, metrics, alert rules and dashboards rely on."""

from __future__ import annotations

from enum import StrEnum


class Alert(StrEnum):
    """What is unusual about a message's rates; `ratecast.scoring.quality` finds it."""

    JUMP = "jump"
    LEVEL_CONE = "level_cone"
    STUCK = "stuck"
    DECIMAL_SLIP = "decimal_slip"
    INVERTED_QUOTE = "inverted_quote"
    GAP = "gap"
    CARRIED_FORWARD = "carried_forward"
    VOLATILITY_REGIME = "volatility_regime"


# Not a fault of the rates: the market became more volatile, or it was closed and the feed repeats the last rate.
MARKET_ALERTS = frozenset({Alert.CARRIED_FORWARD, Alert.VOLATILITY_REGIME})
