"""Values at which panels turn yellow and red.

A colour cannot be a query, so these repeat the thresholds of the alerts, the group ratecast-budgets in
`prometheus/rules/recording.yml`. Change both together: `tests/monitoring/test_panel_thresholds.py` compares them.
"""

from __future__ import annotations

DAY = 86_400

TOO_SLOW = 0.5  # seconds until a record is scored
TOO_SLOW_TO_COMMIT = 1.0  # seconds until its transaction is committed
DRIFTED = 0.30  # share of messages
LATE, TOO_LATE = 60.0, 600.0  # seconds of lag: warning, critical
SINK_LATE = 300.0  # seconds that the oldest message which is not in the database is old
FEED_LATE = 1_800.0  # seconds that a rate which is due has been late
BEHIND = 1_000.0  # records of lag in a partition; growing lag above this fires an alert
DEAD_LETTERS = 0.01  # share of outcomes, by code
ABORTED = 0.05  # share of a worker's transactions
WORSE_THAN_LAST_RATE = 1.05  # forecast error divided by the error of the last rate
COVERAGE = {"80": 0.80, "95": 0.95}  # what the ranges promise
OFF_TARGET = 4.0  # standard errors between coverage and what the range promises
DRIFTED_PAIRS = 0.25  # share of pairs over their KS threshold
STALE = 4.0 * DAY  # age of a pair's newest rate
OLD = 400.0 * DAY  # age of the model: newest scored rate minus last training day

# Yellow starts at half the threshold of the alert.
SLOW, SLOW_TO_COMMIT, DRIFTING = TOO_SLOW / 2, TOO_SLOW_TO_COMMIT / 2, DRIFTED / 2


def percent(share: float) -> str:
    """Returns a share in the notation of the descriptions.

    >>> percent(0.3)
    '30 %'
    """
    return f"{share * 100:g} %"
