"""Live accuracy of each pair over its last messages. Pure.

A message carries its history, so its newest rate shows how good a forecast from the rates before it is: a hindcast.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from monitoring.windows.page_hinkley import PageHinkley
from ratecast.model.accuracy_measures import error_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitoring.windows.page_hinkley import MeanChange
    from ratecast.model.references import AccuracyReference
    from ratecast.scoring.observations import HindcastErrors

WINDOW_MESSAGES = (
    500  # for each pair: two years of daily rates; an 80 % share has a standard error of 1.8 points
)
MIN_MESSAGES = 100  # with fewer, an 80 % share has a standard error over 4 points and is only noise
FOLD_MESSAGES = 10_000  # may wait before they are folded; half a megabyte
FOLD_BATCHES = 1_000  # may wait before they are folded; small batches are mostly overhead

AccuracyDirection = Literal["worse", "better"]
DIRECTIONS: tuple[AccuracyDirection, ...] = ("worse", "better")


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """Sums over the window of a pair; summaries of one pair from several partitions can be added."""

    messages: int
    error: float
    naive: float
    inside: tuple[int, ...]  # one for each level

    def __add__(self, other: WindowSummary) -> WindowSummary:
        return WindowSummary(
            self.messages + other.messages,
            self.error + other.error,
            self.naive + other.naive,
            tuple(a + b for a, b in zip(self.inside, other.inside, strict=True)),
        )

    @property
    def error_ratio(self) -> float | None:
        """Mean absolute error over that of the last rate; None below `MIN_MESSAGES` or if no rate moved."""
        return error_ratio(self.error, self.naive) if self.messages >= MIN_MESSAGES else None

    @property
    def coverage(self) -> tuple[float, ...] | None:
        """Share of newest rates inside the range of each level; None below `MIN_MESSAGES`."""
        if self.messages < MIN_MESSAGES:
            return None
        return tuple(count / self.messages for count in self.inside)


def merge(partitions: Iterable[Mapping[str, WindowSummary]]) -> dict[str, WindowSummary]:
    """Add the summaries of several partitions by pair.

    >>> one = {"EUR/GBP": WindowSummary(100, 0.5, 0.5, (80, 95))}
    >>> merge([one, {"EUR/GBP": WindowSummary(100, 1.0, 0.5, (60, 85))}])["EUR/GBP"].error_ratio
    1.5
    """
    merged: dict[str, WindowSummary] = {}
    for summaries in partitions:
        for pair, summary in summaries.items():
            merged[pair] = merged[pair] + summary if pair in merged else summary
    return merged


@dataclass(frozen=True, slots=True)
class AccuracyChange:
    """A change in the size of a pair's standardised errors; positions count its hindcasts in one partition from 0."""

    pair: str
    direction: AccuracyDirection
    position: int  # of the message at which it was detected
    began: int  # of the first message after the change, as the test estimates it


@dataclass
class AccuracyTally:
    """Counts that only grow and are kept when the windows of a revoked partition are dropped."""

    changes: Counter[tuple[str, AccuracyDirection]] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)  # messages with an alert, by pair


class _PairWindow:
    """The last `WINDOW_MESSAGES` rows of one pair and its change test."""

    def __init__(self, columns: int, reference: AccuracyReference | None) -> None:
        self._rows = np.empty((WINDOW_MESSAGES, columns))
        self._written = 0
        self._cap = np.inf if reference is None else reference.cap
        self._test: PageHinkley | None = None
        if reference is not None:
            self._test = PageHinkley(
                reference.delta, reference.threshold, reference.mean, reference.prior_messages
            )

    def extend(self, rows: NDArray[np.float64]) -> None:
        kept = rows[-WINDOW_MESSAGES:]
        start = self._written + len(rows) - len(kept)
        self._rows[(start + np.arange(len(kept))) % WINDOW_MESSAGES] = kept
        self._written += len(rows)

    def changes(self, z: NDArray[np.float64]) -> list[MeanChange]:
        return [] if self._test is None else self._test.update(np.minimum(z, self._cap))

    def summary(self) -> WindowSummary:
        messages = min(self._written, WINDOW_MESSAGES)
        # Computed from all rows each time, because running sums would accumulate rounding errors.
        error, naive, *inside = self._rows[:messages].sum(axis=0).tolist()
        return WindowSummary(messages, error, naive, tuple(map(int, inside)))


class AccuracyWindows:
    """Rolling accuracy of the pairs of one input partition; `add` stores batches and `fold` processes them.

    Args:
        pairs: the model's pairs; ``pair_rows`` of batches are indexes into them.
        reference: the bundle's accuracy reference; without it no change is detected.
        tally: counts changes and left-out messages.
        on_change: called for each change; the changes of a pair come in order.
    """

    def __init__(
        self,
        pairs: Sequence[str],
        reference: AccuracyReference | None,
        tally: AccuracyTally | None = None,
        on_change: Callable[[AccuracyChange], None] | None = None,
    ) -> None:
        self._pairs = pairs
        self._reference = reference
        self.tally = AccuracyTally() if tally is None else tally
        self._on_change = on_change
        self._windows: dict[int, _PairWindow] = {}
        self._waiting: deque[HindcastErrors] = deque()
        self._waiting_messages = 0

    def add(self, batch: HindcastErrors) -> None:
        """Add a batch; its arrays must not change afterwards."""
        self._waiting.append(batch)
        self._waiting_messages += len(batch.pair_rows)
        if self._waiting_messages >= FOLD_MESSAGES or len(self._waiting) >= FOLD_BATCHES:
            self.fold()

    def summaries(self) -> dict[str, WindowSummary]:
        """Return the window of each pair with messages, after folding."""
        self.fold()
        return {self._pairs[row]: window.summary() for row, window in self._windows.items()}

    def fold(self) -> None:
        """Process the waiting batches: update windows and change tests."""
        if not self._waiting:
            return
        batches = list(self._waiting)
        self._waiting.clear()
        self._waiting_messages = 0
        rows = np.concatenate([batch.pair_rows for batch in batches])
        alerted = np.concatenate([batch.alerted for batch in batches])
        z = np.concatenate([batch.z for batch in batches])
        columns = np.concatenate([np.column_stack((b.error, b.naive, b.inside)) for b in batches])
        for row, count in zip(*np.unique(rows[alerted], return_counts=True), strict=True):
            self.tally.left_out[self._pairs[row]] += int(count)
        kept = np.flatnonzero(~alerted & np.isfinite(z) & np.isfinite(columns).all(axis=1))
        # A stable sort keeps the messages of each pair in partition order.
        order = kept[np.argsort(rows[kept], kind="stable")]
        for places in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
            if len(places):
                self._fold_pair(int(rows[places[0]]), columns[places], z[places])

    def _fold_pair(self, row: int, columns: NDArray[np.float64], z: NDArray[np.float64]) -> None:
        window = self._windows.get(row)
        if window is None:
            window = self._windows[row] = _PairWindow(columns.shape[1], self._reference)
        window.extend(columns)
        for found in window.changes(z):
            direction: AccuracyDirection = "worse" if found.direction == "higher" else "better"
            change = AccuracyChange(self._pairs[row], direction, found.position, found.began)
            self.tally.changes[change.pair, direction] += 1
            if self._on_change is not None:
                self._on_change(change)


class WorkerAccuracy:
    """Live accuracy over all partitions of a worker. Windows may be dropped, counts never decrease.

    Args:
        on_change: called for each change when it is detected.
    """

    def __init__(self, on_change: Callable[[AccuracyChange], None] | None = None) -> None:
        self._on_change = on_change
        self._pairs: Sequence[str] = ()
        self._reference: AccuracyReference | None = None
        self._partitions: dict[Hashable, AccuracyWindows] = {}
        self._tally = AccuracyTally()

    def use(self, pairs: Sequence[str], reference: AccuracyReference | None) -> None:
        """Start again with a new model, because the windows only describe the old one."""
        for partition in list(self._partitions):
            self.revoked(partition)
        self._pairs, self._reference = tuple(pairs), reference
        for pair in pairs:  # `rate()` misses the first event of a series that begins with it
            self._tally.left_out[pair] += 0
            for direction in DIRECTIONS:
                self._tally.changes[pair, direction] += 0

    def add(self, partition: Hashable, batch: HindcastErrors) -> None:
        """Add a committed batch of one partition."""
        windows = self._partitions.get(partition)
        if windows is None:
            windows = AccuracyWindows(self._pairs, self._reference, self._tally, self._on_change)
            self._partitions[partition] = windows
        windows.add(batch)

    def revoked(self, partition: Hashable) -> None:
        """Drop the windows of a partition; their counts stay."""
        windows = self._partitions.pop(partition, None)
        if windows is not None:
            windows.fold()

    def summaries(self) -> dict[str, WindowSummary]:
        """Return the window of each pair with messages, over all partitions."""
        return merge(windows.summaries() for windows in self._partitions.values())

    def tally(self) -> AccuracyTally:
        """Return all counts so far, after folding; zero for each pair of any model so far."""
        for windows in self._partitions.values():
            windows.fold()
        return self._tally
