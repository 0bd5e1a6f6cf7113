"""Live accuracy by pair, over the last messages of each: numpy in, sums out, no Kafka and no Prometheus.

A message carries its history, so its newest rate answers the forecast from the rates before it: a hindcast.
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

WINDOW_MESSAGES = 500  # a pair's: two years of daily rates; a standard error of 1.8 points for an 80 % share
MIN_MESSAGES = 100  # below, an 80 % share has a standard error over 4 points and would only be noise
FOLD_MESSAGES = 10_000  # what may wait; half a megabyte
FOLD_BATCHES = 1_000  # small batches are mostly overhead

AccuracyDirection = Literal["worse", "better"]
DIRECTIONS: tuple[AccuracyDirection, ...] = ("worse", "better")


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """Sums over a pair's window; summaries of one pair from several partitions add up."""

    messages: int
    error: float
    naive: float
    inside: tuple[int, ...]  # one a level

    def __add__(self, other: WindowSummary) -> WindowSummary:
        return WindowSummary(
            self.messages + other.messages,
            self.error + other.error,
            self.naive + other.naive,
            tuple(mine + its for mine, its in zip(self.inside, other.inside, strict=True)),
        )

    @property
    def error_ratio(self) -> float | None:
        """Mean absolute error over the last rate's; None under `MIN_MESSAGES` or if no rate moved."""
        return error_ratio(self.error, self.naive) if self.messages >= MIN_MESSAGES else None

    @property
    def coverage(self) -> tuple[float, ...] | None:
        """Share of answers within the range of each level; None under `MIN_MESSAGES`."""
        if self.messages < MIN_MESSAGES:
            return None
        return tuple(count / self.messages for count in self.inside)


def merge(partitions: Iterable[Mapping[str, WindowSummary]]) -> dict[str, WindowSummary]:
    """Summaries by pair over several partitions.

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
    """The size of a pair's standardised errors changed; positions count its hindcasts in one partition from 0."""

    pair: str
    direction: AccuracyDirection
    position: int  # of the message that told it
    began: int  # of the first message after the change, as far as the test can say


@dataclass
class AccuracyTally:
    """What only ever grows: it outlives the windows of a partition that moved away."""

    changes: Counter[tuple[str, AccuracyDirection]] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)  # alerted messages, by pair


class _PairWindow:
    """The last `WINDOW_MESSAGES` rows of one pair, and its change test."""

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
        # Summed anew each time: running sums would gather rounding errors for as long as the worker lives.
        error, naive, *inside = self._rows[:messages].sum(axis=0).tolist()
        return WindowSummary(messages, error, naive, tuple(map(int, inside)))


class AccuracyWindows:
    """Rolling accuracy of the pairs of one input partition; `add` only keeps, `fold` works.

    Args:
        pairs: the model's pairs, in the order that ``pair_rows`` count.
        reference: the bundle's; without one no change is ever told.
        tally: where changes and left-out messages are counted.
        on_change: told of each change, oldest first a pair.
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
        """Take a batch in; its arrays must not change afterwards."""
        self._waiting.append(batch)
        self._waiting_messages += len(batch.pair_rows)
        if self._waiting_messages >= FOLD_MESSAGES or len(self._waiting) >= FOLD_BATCHES:
            self.fold()

    def summaries(self) -> dict[str, WindowSummary]:
        """The window of each pair that was seen, everything added included."""
        self.fold()
        return {self._pairs[row]: window.summary() for row, window in self._windows.items()}

    def fold(self) -> None:
        """Bring what waits into windows and change tests."""
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
        # Stable, so that each pair's messages stay in the order of the partition.
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
    """Live accuracy over all partitions of a worker. Windows may be lost; counts never go back.

    Args:
        on_change: told of each change, when it is folded.
    """

    def __init__(self, on_change: Callable[[AccuracyChange], None] | None = None) -> None:
        self._on_change = on_change
        self._pairs: Sequence[str] = ()
        self._reference: AccuracyReference | None = None
        self._partitions: dict[Hashable, AccuracyWindows] = {}
        self._tally = AccuracyTally()

    def use(self, pairs: Sequence[str], reference: AccuracyReference | None) -> None:
        """A model went into use: what the one before it was worth says nothing about it."""
        for partition in list(self._partitions):
            self.revoked(partition)
        self._pairs, self._reference = tuple(pairs), reference
        for pair in pairs:  # a rate over a series that appears with its first event misses that event
            self._tally.left_out[pair] += 0
            for direction in DIRECTIONS:
                self._tally.changes[pair, direction] += 0

    def add(self, partition: Hashable, batch: HindcastErrors) -> None:
        """Take in a batch of one partition, once its transaction is committed."""
        windows = self._partitions.get(partition)
        if windows is None:
            windows = AccuracyWindows(self._pairs, self._reference, self._tally, self._on_change)
            self._partitions[partition] = windows
        windows.add(batch)

    def revoked(self, partition: Hashable) -> None:
        """A partition left this worker: its windows go, what they counted stays."""
        windows = self._partitions.pop(partition, None)
        if windows is not None:
            windows.fold()

    def summaries(self) -> dict[str, WindowSummary]:
        """The window of each pair that was seen."""
        return merge(windows.summaries() for windows in self._partitions.values())

    def tally(self) -> AccuracyTally:
        """Counts so far, everything added included; zero for each pair that was ever known."""
        for windows in self._partitions.values():
            windows.fold()
        return self._tally
