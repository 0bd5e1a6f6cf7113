"""The codes of data-quality alerts. A closed set: messages, metrics, rules and dashboards list it."""

from __future__ import annotations

from enum import StrEnum


class Alert(StrEnum):
    """What a message's newest rate looks like when it looks odd; `monitoring.quality` finds it."""

    JUMP = "jump"
    LEVEL_CONE = "level_cone"
    STUCK = "stuck"
    DECIMAL_SLIP = "decimal_slip"
    INVERTED_QUOTE = "inverted_quote"
    GAP = "gap"
    VOLATILITY_REGIME = "volatility_regime"


# The market got wilder: true, and no fault of the feed.
MARKET_ALERTS = frozenset({Alert.VOLATILITY_REGIME})
