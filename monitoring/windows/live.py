"""Live monitoring of one worker: drift of features and of the model's inputs, and accuracy, in one set of windows for each partition."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from monitoring.windows.accuracy import WorkerAccuracy
from monitoring.windows.feature_drift import FeatureDriftWindows, merged_scores
from monitoring.windows.model_drift import ModelDriftWindows, merged_model_scores

if TYPE_CHECKING:
    from collections.abc import Hashable

    from monitoring.windows.accuracy import AccuracyChange
    from monitoring.windows.feature_drift import FeatureDriftScore
    from monitoring.windows.model_drift import ModelDriftScore
    from ratecast.model.training_stats import TrainingStats
    from ratecast.scoring.observations import Observations

log = logging.getLogger(__name__)


class LiveMonitor:
    """The windows of every partition of this worker, compared with the model in use.

    They are dropped when the partition is revoked or the model changes. They are for display only.
    """

    def __init__(self) -> None:
        self.accuracy = WorkerAccuracy(_log_change)
        self._stats: TrainingStats | None = None
        self._drift: dict[Hashable, FeatureDriftWindows] = {}
        self._model_drift: dict[Hashable, ModelDriftWindows] = {}

    def use(self, stats: TrainingStats) -> None:
        """Start again with a new model, because the windows only describe the old one."""
        self._stats = stats
        self._drift.clear()
        self._model_drift.clear()
        self.accuracy.use(tuple(stats.pairs), stats.accuracy)

    def add(self, partition: Hashable, observations: Observations) -> None:
        """Add a committed batch of one partition; ignore a batch that another model scored."""
        stats = self._stats
        if stats is None or observations.model_version != stats.model_version:
            return
        windows = self._drift.get(partition)
        if windows is None:
            windows = FeatureDriftWindows(tuple(stats.pairs), stats.feature_drift)
            self._drift[partition] = windows
        windows.add(observations.pair_rows, observations.features)
        self.accuracy.add(partition, observations.hindcasts)
        self._add_inputs(stats, partition, observations)

    def revoked(self, partition: Hashable) -> None:
        """Drop the windows of a partition."""
        self._drift.pop(partition, None)
        self._model_drift.pop(partition, None)
        self.accuracy.revoked(partition)

    def feature_scores(self) -> list[FeatureDriftScore]:
        """Return the drift of every pair and feature with enough messages, over all partitions."""
        return merged_scores(self._drift.values())

    def model_scores(self) -> list[ModelDriftScore]:
        """Return the importance-weighted drift of every pair with enough messages, over all partitions."""
        return merged_model_scores(self._model_drift.values())

    def importances(self) -> dict[str, float]:
        """Return the importance of each input of the range forest; empty if the model has none."""
        reference = None if self._stats is None else self._stats.model_drift
        return {} if reference is None else reference.importances

    def _add_inputs(self, stats: TrainingStats, partition: Hashable, observations: Observations) -> None:
        if stats.model_drift is None:
            return
        windows = self._model_drift.get(partition)
        if windows is None:
            windows = ModelDriftWindows(tuple(stats.pairs), stats.model_drift)
            self._model_drift[partition] = windows
        windows.add(observations.input_pair_rows, observations.range_inputs)


def _log_change(change: AccuracyChange) -> None:
    size = {"worse": "larger", "better": "smaller"}[change.direction]
    log.warning(
        "%s: forecast errors have become %s, since about %d messages ago (Page-Hinkley test)",
        change.pair,
        size,
        change.position - change.began,
    )
