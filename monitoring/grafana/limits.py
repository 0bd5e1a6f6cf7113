"""Where the overview turns yellow and red; red is where alerts begin (`prometheus/rules/recording.yml`)."""

from __future__ import annotations

SLOW, TOO_SLOW = 0.25, 0.5  # seconds until a record is scored
SLOW_TO_COMMIT, TOO_SLOW_TO_COMMIT = 0.5, 1.0  # seconds until its transaction is committed
DRIFTING, DRIFTED = 0.15, 0.30  # shares of messages
LATE, TOO_LATE = 60.0, 600.0  # seconds of lag; both alert
