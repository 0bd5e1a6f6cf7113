"""Drift of what the range forest sees, weighted by how much each of its inputs matters for the ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows.binned_windows import FOLD_AT, BinnedWindows, merged_counts
from monitoring.windows.feature_drift import kolmogorov_smirnov
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.references import MIN_MESSAGES, WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ratecast.model.model_drift_reference import ModelDriftReference


@dataclass(frozen=True, slots=True)
class ModelDriftScore:
    """Importance-weighted drift of one pair, with the threshold that clean windows stay below."""

    pair: str
    score: float  # 0 to 1
    threshold: float
    n: int  # messages in the window
    drifts: dict[str, float]  # input of the range forest -> its drift, 0 to 1


class ModelDriftWindows:
    """The inputs of the last messages of each pair in one input partition; dropped when the partition is revoked.

    Args:
        pairs: the pairs; ``add`` takes indexes into them.
        reference: inputs in training.
        window: messages to keep for each pair.
        fold_at: messages that may wait before they are put into bins.
    """

    def __init__(
        self,
        pairs: Sequence[str],
        reference: ModelDriftReference,
        window: int = WINDOW_MESSAGES,
        fold_at: int = FOLD_AT,
    ) -> None:
        self.pairs = pairs
        self.reference = reference
        self._edges = [np.array(reference.edges[name]) for name in RANGE_INPUT_NAMES]
        shape = (len(pairs), len(RANGE_INPUT_NAMES), bins_of(reference))
        self._windows = BinnedWindows(shape, self._to_bins, window, fold_at)

    def add(self, pair_rows: NDArray[np.intp], inputs: NDArray[np.float32]) -> None:
        """Add a batch, oldest message first. The arrays are not copied, so the caller must not write to them again.

        Args:
            pair_rows: index of each message's pair in ``pairs``, shape ``(n,)``.
            inputs: columns ``RANGE_INPUT_NAMES``, shape ``(n, 11)``.
        """
        self._windows.add(pair_rows, inputs)

    @property
    def compared_with(self) -> object:
        """The pairs and their values in training; equal for windows of one model."""
        return self.pairs, self.reference

    def counts(self) -> NDArray[np.int64]:
        """Return the messages of the window in each bin of the reference, shape ``(pairs, 11, bins)``."""
        return self._windows.counts()

    def _to_bins(self, _rows: NDArray[np.intp], inputs: NDArray[np.floating]) -> NDArray[np.uint8]:
        return binned(inputs, self._edges)


def binned(inputs: NDArray[np.floating], edges: Sequence[NDArray[np.float64]]) -> NDArray[np.uint8]:
    """Return the bin of each value, ``(n, 11)``.

    Args:
        inputs: columns ``RANGE_INPUT_NAMES``, ``(n, 11)``.
        edges: the edges of each column's bins, ascending.
    """
    bins = np.empty(inputs.shape, dtype=np.uint8)
    for column, (of_column, values) in enumerate(zip(edges, np.ascontiguousarray(inputs.T), strict=True)):
        # Edges of the type of the values: numpy would convert all values otherwise, which takes half the time.
        bins[:, column] = np.searchsorted(of_column.astype(values.dtype), values)
    return bins


def bins_of(reference: ModelDriftReference) -> int:
    """Return the greatest number of bins of an input."""
    return max(map(len, reference.edges.values())) + 1


def merged_model_scores(windows: Iterable[ModelDriftWindows]) -> list[ModelDriftScore]:
    """Return scores over several partitions together, by pair.

    There is no score with fewer than ``MIN_MESSAGES`` in all or without a reference.

    Raises:
        ValueError: the windows belong to different models.
    """
    partitions = list(windows)
    if not partitions:
        return []
    pairs, reference = partitions[0].pairs, partitions[0].reference
    counts = merged_counts(partitions)
    scores = []
    for row in np.flatnonzero(counts[:, 0].sum(axis=1) >= MIN_MESSAGES).tolist():
        pair, n = pairs[row], int(counts[row, 0].sum())
        threshold = reference.threshold(n)
        if threshold is None or pair not in reference.counts:
            continue
        drifts = kolmogorov_smirnov(counts[row], training_counts(reference, pair))
        by_input = dict(zip(RANGE_INPUT_NAMES, drifts.tolist(), strict=True))
        score = sum(reference.importances[name] * drift for name, drift in by_input.items())
        scores.append(ModelDriftScore(pair, score, threshold, n, by_input))
    return scores


def training_counts(reference: ModelDriftReference, pair: str) -> NDArray[np.int64]:
    """Return the training values of a pair in each bin, ``(11, bins)``; 0 in the bins that an input does not have."""
    counts = np.zeros((len(RANGE_INPUT_NAMES), bins_of(reference)), dtype=np.int64)
    for row, name in enumerate(RANGE_INPUT_NAMES):
        of_input = reference.counts[pair][name]
        counts[row, : len(of_input)] = of_input
    return counts
