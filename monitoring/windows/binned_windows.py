"""Keeps in which bins the last values of each pair fell.

A value is stored as the number of its bin, one byte, in a ring for each pair and column. So the memory depends on the
number of pairs and not on traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    # Pair rows (n,) and values (n, columns) -> numbers of bins (n, columns).
    ToBins = Callable[[NDArray[np.intp], NDArray[np.floating]], NDArray[np.uint8]]

# Folding takes about 100 us even for a single message, so many messages must share it.
FOLD_AT = 2048


class Counted(Protocol):
    """Windows of one partition, and what they are compared with."""

    @property
    def compared_with(self) -> object:
        """The pairs and their values in training; equal for windows of one model."""

    def counts(self) -> NDArray[np.int64]:
        """Return the messages in each bin, shape ``(pairs, columns, bins)``."""


def merged_counts(partitions: Sequence[Counted]) -> NDArray[np.int64]:
    """Return the messages in each bin over several partitions together, shape ``(pairs, columns, bins)``.

    Args:
        partitions: windows of the partitions, at least one.

    Raises:
        ValueError: the windows belong to different models.
    """
    if any(other.compared_with != partitions[0].compared_with for other in partitions):
        raise ValueError("windows of different models cannot be merged")
    counts: NDArray[np.int64] = np.sum([partition.counts() for partition in partitions], axis=0)
    return counts


class BinnedWindows:
    """The bins of the last ``window`` messages of each pair.

    Args:
        shape: number of pairs, of columns and of bins, at most 255.
        to_bins: returns the bin of each value.
        window: messages to keep for each pair.
        fold_at: messages that may wait before they are put into bins.
    """

    def __init__(self, shape: tuple[int, int, int], to_bins: ToBins, window: int, fold_at: int) -> None:
        pairs, columns, self._bins = shape
        self._to_bins = to_bins
        self._window = window
        self._fold_at = fold_at
        # A slot that no message has filled yet has the bin after the last one.
        self._rings = np.full((pairs, columns, window), self._bins, dtype=np.uint8)
        self._next = np.zeros(pairs, dtype=np.intp)
        self._pending: list[tuple[NDArray[np.intp], NDArray[np.floating]]] = []
        self._pending_messages = 0

    def add(self, pair_rows: NDArray[np.intp], values: NDArray[np.floating]) -> None:
        """Add a batch, oldest message first.

        The arrays are not copied, so the caller must not write to them again.

        Args:
            pair_rows: index of each message's pair, shape ``(n,)``.
            values: what ``to_bins`` takes, a row for each message.
        """
        if not len(pair_rows):
            return  # or the list would grow without end while all messages are faulty
        self._pending.append((pair_rows, values))
        self._pending_messages += len(pair_rows)
        if self._pending_messages >= self._fold_at:
            self._fold()

    def counts(self) -> NDArray[np.int64]:
        """Return the messages of the window in each bin, shape ``(pairs, columns, bins)``."""
        self._fold()
        pairs, columns, _ = self._rings.shape
        slots = self._bins + 1
        groups = np.arange(pairs * columns).reshape(pairs, columns, 1) * slots
        flat = np.bincount((self._rings + groups).ravel(), minlength=pairs * columns * slots)
        return flat.reshape(pairs, columns, slots)[:, :, : self._bins]

    def _fold(self) -> None:
        if not self._pending:
            return
        rows = np.concatenate([rows for rows, _ in self._pending])
        values = np.concatenate([values for _, values in self._pending])
        self._pending.clear()
        self._pending_messages = 0
        # In steps, because a batch needs forty times its size in edges at once.
        for start in range(0, len(rows), self._fold_at):
            step = slice(start, start + self._fold_at)
            self._fold_step(rows[step], values[step])

    def _fold_step(self, rows: NDArray[np.intp], values: NDArray[np.floating]) -> None:
        bins = self._to_bins(rows, values)
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        arrived = np.bincount(rows, minlength=len(self._next))
        nth = np.arange(len(rows)) - (np.cumsum(arrived) - arrived)[rows]
        slots = (self._next[rows] + nth) % self._window
        self._next = (self._next + arrived) % self._window
        # If two messages fall into one slot the later one stays, as numpy guarantees for repeated indices.
        self._rings[rows, :, slots] = bins[order]
