"""Where panels turn yellow and red.

A colour cannot be a query, so the budgets that alerts go by stand here once more. They are those of the group
ratecast-budgets in `prometheus/rules/recording.yml`, and `tests/monitoring/test_dashboards.py` compares every one of
them: change both together.
"""

from __future__ import annotations

DAY = 86_400

TOO_SLOW = 0.5  # seconds until a record is scored
TOO_SLOW_TO_COMMIT = 1.0  # seconds until its transaction is committed
DRIFTED = 0.30  # share of messages
LATE, TOO_LATE = 60.0, 600.0  # seconds of lag: a warning, critical
BEHIND = 1_000.0  # records a partition; from here on lag that grows is an alert
DEAD_LETTERS = 0.01  # share of outcomes, by code
ABORTED = 0.05  # share of a worker's transactions
WORSE_THAN_LAST_RATE = 1.05  # the model's error over the last rate's
COVERAGE = {"80": 0.80, "95": 0.95}  # what the ranges promise
OFF_TARGET = 4.0  # standard errors that coverage may be off
DRIFTED_PAIRS = 0.25  # share of pairs over their KS threshold
STALE = 4.0 * DAY  # age of a pair's newest rate
OLD = 400.0 * DAY  # of the model: newest rate scored minus newest rate trained on

# Yellow, where one colour is for the alert: half way there.
SLOW, SLOW_TO_COMMIT, DRIFTING = TOO_SLOW / 2, TOO_SLOW_TO_COMMIT / 2, DRIFTED / 2
