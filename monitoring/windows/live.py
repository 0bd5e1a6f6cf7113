"""Live monitoring of one worker: drift of features and of the model's inputs, and accuracy, in one set of windows for each partition."""

from __future__ import annotations

import logging
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _DriftWindows:
    """The windows of one partition."""

    features: FeatureDriftWindows
    inputs: ModelDriftWindows | None  # None if the model has no reference for its inputs

    @classmethod
    def of(cls, stats: TrainingStats) -> _DriftWindows:
        """Return empty windows for a model."""
        pairs, reference = tuple(stats.pairs), stats.model_drift
        return cls(
            FeatureDriftWindows(pairs, stats.feature_drift),
            None if reference is None else ModelDriftWindows(pairs, reference),
        )

    def add(self, observations: Observations) -> None:
        """Add a committed batch."""
        self.features.add(observations.pair_rows, observations.features)
        if self.inputs is not None:
            self.inputs.add(observations.input_pair_rows, observations.range_inputs)


class LiveMonitor:
    """The windows of every partition of this worker, compared with the model in use.

    They are dropped when the partition is revoked or the model changes. They are for display only.
    """

    def __init__(self) -> None:
        self.accuracy = WorkerAccuracy(_log_change)
        self._stats: TrainingStats | None = None
        self._partitions: dict[Hashable, _DriftWindows] = {}

    def use(self, stats: TrainingStats) -> None:
        """Start again with a new model, because the windows only describe the old one."""
        self._stats = stats
        self._partitions.clear()
        self.accuracy.use(tuple(stats.pairs), stats.accuracy)

    def add(self, partition: Hashable, observations: Observations) -> None:
        """Add a committed batch of one partition; ignore a batch that another model scored."""
        stats = self._stats
        if stats is None or observations.model_version != stats.model_version:
            return
        windows = self._partitions.get(partition)
        if windows is None:
            windows = self._partitions[partition] = _DriftWindows.of(stats)
        windows.add(observations)
        self.accuracy.add(partition, observations.hindcasts)

    def revoked(self, partition: Hashable) -> None:
        """Drop the windows of a partition."""
        self._partitions.pop(partition, None)
        self.accuracy.revoked(partition)

    def feature_scores(self) -> list[FeatureDriftScore]:
        """Return the drift of every pair and feature with enough messages, over all partitions."""
        return merged_scores(windows.features for windows in self._partitions.values())

    def model_scores(self) -> list[ModelDriftScore]:
        """Return the importance-weighted drift of every pair with enough messages, over all partitions."""
        return merged_model_scores(
            windows.inputs for windows in self._partitions.values() if windows.inputs is not None
        )

    def importances(self) -> dict[str, float]:
        """Return the importance of each input of the range forest; empty if the model has none."""
        reference = None if self._stats is None else self._stats.model_drift
        return {} if reference is None else reference.importances


def _log_change(change: AccuracyChange) -> None:
    size = {"worse": "larger", "better": "smaller"}[change.direction]
    log.warning(
        "%s: forecast errors have become %s, since about %d messages ago (Page-Hinkley test)",
        change.pair,
        size,
        change.position - change.began,
        extra={"pair": change.pair},
    )
