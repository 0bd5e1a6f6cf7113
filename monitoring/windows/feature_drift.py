"""Drift of each feature of each pair: the distribution of the last messages compared with training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows.binned_windows import FOLD_AT, BinnedWindows, merged_counts
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.references import DRIFT_FEATURES, DRIFT_TESTS, MIN_MESSAGES, WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ratecast.model.references import DriftTest, FeatureReference

PSI_BINS = 10

_COLUMNS = [FEATURE_NAMES.index(name) for name in DRIFT_FEATURES]


@dataclass(frozen=True, slots=True)
class FeatureDriftScore:
    """Drift score of one feature of one pair, with the threshold that clean windows stay below."""

    pair: str
    feature: str
    test: DriftTest
    score: float
    threshold: float
    n: int  # messages in the window


class FeatureDriftWindows:
    """The last messages of each pair in one input partition; dropped when the partition is revoked.

    Args:
        pairs: the pairs; ``add`` takes indexes into them.
        references: pair -> feature -> training distribution; a pair without one has no score.
        window: messages to keep for each pair.
        fold_at: messages that may wait before they are put into bins.
    """

    def __init__(
        self,
        pairs: Sequence[str],
        references: Mapping[str, Mapping[str, FeatureReference]],
        window: int = WINDOW_MESSAGES,
        fold_at: int = FOLD_AT,
    ) -> None:
        self.pairs = pairs
        self.references = references
        edges = [[_edges(references, pair, name) for name in DRIFT_FEATURES] for pair in pairs]
        longest = max((len(e) for pair in edges for e in pair), default=0)
        self._edges = np.full((len(pairs), len(DRIFT_FEATURES), longest), np.inf)
        for row, of_pair in enumerate(edges):
            for column, values in enumerate(of_pair):
                self._edges[row, column, : len(values)] = values
        shape = (len(pairs), len(DRIFT_FEATURES), longest + 1)
        self._windows = BinnedWindows(shape, self._to_bins, window, fold_at)

    def add(self, pair_rows: NDArray[np.intp], features: NDArray[np.float64]) -> None:
        """Add a batch, oldest message first.

        The arrays are not copied, so the caller must not write to them again.

        Args:
            pair_rows: index of each message's pair in ``pairs``, shape ``(n,)``.
            features: columns ``FEATURE_NAMES``, shape ``(n, 5)``.
        """
        self._windows.add(pair_rows, features)

    @property
    def compared_with(self) -> object:
        """The pairs and their values in training; equal for windows of one model."""
        return self.pairs, self.references

    def counts(self) -> NDArray[np.int64]:
        """Return the messages of the window in each bin of the reference, shape ``(pairs, 2, bins)``.

        The last columns are 0 for references with fewer bins than the largest.
        """
        return self._windows.counts()

    def _to_bins(self, rows: NDArray[np.intp], features: NDArray[np.floating]) -> NDArray[np.uint8]:
        bins: NDArray[np.uint8] = (self._edges[rows] < features[:, _COLUMNS, None]).sum(
            axis=2, dtype=np.uint8
        )
        return bins


def merged_scores(windows: Iterable[FeatureDriftWindows]) -> list[FeatureDriftScore]:
    """Return scores over several partitions together, by pair, feature and test.

    Without message keys a pair is spread over partitions. Its windows then form one sample, of up to
    ``WINDOW_MESSAGES`` from each. There is no score with fewer than ``MIN_MESSAGES`` in all or without a reference.

    Raises:
        ValueError: the windows belong to different models.
    """
    partitions = list(windows)
    if not partitions:
        return []
    pairs, references = partitions[0].pairs, partitions[0].references
    counts = merged_counts(partitions)
    watched = [
        (row, column, reference)
        for row in np.flatnonzero(counts[:, 0].sum(axis=1) >= MIN_MESSAGES).tolist()
        for column, feature in enumerate(DRIFT_FEATURES)
        if (reference := references.get(pairs[row], {}).get(feature)) is not None
    ]
    if not watched:
        return []
    windows = np.stack([counts[row, column] for row, column, _ in watched])
    training = np.zeros_like(windows)
    for position, (_, _, reference) in enumerate(watched):
        training[position, : len(reference.counts)] = reference.counts
    found = {test: values.tolist() for test, values in drift_scores(windows, training).items()}
    return [
        FeatureDriftScore(pairs[row], DRIFT_FEATURES[column], test, found[test][position], threshold, n)
        for position, ((row, column, reference), n) in enumerate(
            zip(watched, windows.sum(axis=1).tolist(), strict=True)
        )
        for test in DRIFT_TESTS
        if (threshold := reference.threshold(test, n)) is not None
    ]


def drift_scores(
    windows: NDArray[np.int64], reference: NDArray[np.int64]
) -> dict[DriftTest, NDArray[np.float64]]:
    """Return both statistics of many windows, test -> ``(w,)``.

    Args:
        windows: number of values of each window in each bin, ``(w, bins)``; no window may be empty.
        reference: number of training values in each bin, ``(bins,)``, or for each window, ``(w, bins)``.
    """
    return {
        "psi": population_stability_index(windows, reference),
        "ks": kolmogorov_smirnov(windows, reference),
    }


def kolmogorov_smirnov(windows: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the two-sample statistic ``max |F_window - F_training|`` at the edges of the bins, ``(w,)``.

    Smirnov (1939), with the maximum over the edges instead of all values. It is never above the exact statistic, and
    below it by at most the share of the fullest bin. The arguments are those of ``drift_scores``.

    >>> kolmogorov_smirnov(np.array([[10, 0, 0], [3, 4, 3]]), np.array([30, 40, 30])).round(3).tolist()
    [0.7, 0.0]
    """
    window = np.cumsum(windows, axis=1) / windows.sum(axis=1, keepdims=True)
    training = np.cumsum(reference, axis=-1) / reference.sum(axis=-1, keepdims=True)
    distance: NDArray[np.float64] = np.abs(window - training).max(axis=1)
    return distance


def population_stability_index(
    windows: NDArray[np.int64], reference: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return ``sum((q - p) ln(q / p))`` over ten bins of about equal training share, ``(w,)``.

    p are the shares in training and q those in the window (Siddiqi, Credit Risk Scorecards, 2006). The given bins are
    merged to ``PSI_BINS``, or to fewer if equal values do not allow ten. An empty bin of the window counts as half a
    message, because the logarithm of 0 is infinite. The arguments are those of ``drift_scores``.

    >>> population_stability_index(np.array([[30, 70], [50, 50]]), np.array([500, 500])).round(3).tolist()
    [0.169, 0.0]
    """
    starts = np.broadcast_to(_psi_starts(np.atleast_2d(reference)), windows.shape)
    training = np.broadcast_to(reference, windows.shape)
    row = np.nonzero(starts)[0]
    first = np.flatnonzero(starts)
    q = np.maximum(np.add.reduceat(windows.ravel(), first), 0.5) / windows.sum(axis=1)[row]
    p = np.add.reduceat(training.ravel(), first) / training.sum(axis=1)[row]
    index: NDArray[np.float64] = np.zeros(len(windows))
    np.add.at(index, row, (q - p) * np.log(q / p))
    return index


def _psi_starts(reference: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where merged bins start, ``(w, bins)``: where the cumulative share is nearest to each tenth."""
    starts = np.zeros(reference.shape, dtype=np.bool_)
    starts[:, 0] = True
    below = np.cumsum(reference, axis=1)[:, :-1]
    total = reference.sum(axis=1, keepdims=True)
    tenths = np.arange(1, PSI_BINS) / PSI_BINS * total
    if below.shape[1]:
        cuts = np.abs(below[:, None, :] - tenths[:, :, None]).argmin(axis=2)
        share = np.take_along_axis(below, cuts, axis=1)
        # A merged bin without training values would have no logarithm.
        row, tenth = np.nonzero((share > 0) & (share < total))
        starts[row, cuts[row, tenth] + 1] = True
    return starts


def _edges(
    references: Mapping[str, Mapping[str, FeatureReference]], pair: str, feature: str
) -> tuple[float, ...]:
    reference = references.get(pair, {}).get(feature)
    return () if reference is None else reference.edges
