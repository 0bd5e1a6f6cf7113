"""Live monitoring of one worker: drift of features and accuracy, in windows that go when a partition goes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from monitoring.windows.accuracy import WorkerAccuracy
from monitoring.windows.feature_drift import FeatureDriftWindows, merged_scores

if TYPE_CHECKING:
    from collections.abc import Hashable

    from monitoring.windows.accuracy import AccuracyChange
    from monitoring.windows.feature_drift import FeatureDriftScore
    from ratecast.model.training_stats import TrainingStats
    from ratecast.scoring.observations import Observations

log = logging.getLogger(__name__)


class LiveMonitor:
    """The windows of every partition that this worker owns, held against the model in use.

    Windows are lost when their partition or the model goes: they are a view, nothing depends on them.
    """

    def __init__(self) -> None:
        self.accuracy = WorkerAccuracy(_tell)
        self._stats: TrainingStats | None = None
        self._drift: dict[Hashable, FeatureDriftWindows] = {}

    def use(self, stats: TrainingStats) -> None:
        """A model went into use: what was seen of the one before says nothing about it."""
        self._stats = stats
        self._drift.clear()
        self.accuracy.use(tuple(stats.pairs), stats.accuracy)

    def add(self, partition: Hashable, observations: Observations) -> None:
        """Take in a committed batch of one partition; one that another model scored is let go."""
        stats = self._stats
        if stats is None or observations.model_version != stats.model_version:
            return
        windows = self._drift.get(partition)
        if windows is None:
            windows = FeatureDriftWindows(tuple(stats.pairs), stats.feature_drift)
            self._drift[partition] = windows
        windows.add(observations.pair_rows, observations.features)
        self.accuracy.add(partition, observations.hindcasts)

    def revoked(self, partition: Hashable) -> None:
        """A partition left this worker."""
        self._drift.pop(partition, None)
        self.accuracy.revoked(partition)

    def feature_scores(self) -> list[FeatureDriftScore]:
        """Drift of every pair and feature with enough messages, over all partitions."""
        return merged_scores(self._drift.values())


def _tell(change: AccuracyChange) -> None:
    words = {"worse": "larger", "better": "smaller"}[change.direction]
    log.warning(
        "%s: forecast errors became %s about %d messages ago (Page-Hinkley)",
        change.pair,
        words,
        change.position - change.began,
    )
