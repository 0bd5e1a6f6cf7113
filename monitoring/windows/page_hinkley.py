"""The Page-Hinkley test, which detects when the mean of a series changed, and in which direction. Pure, in blocks.

E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); D. V. Hinkley, "Inference about the
change-point from cumulative sum tests", Biometrika 58 (1971), which estimates the mean from the series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Direction = Literal["higher", "lower"]

_BLOCK = 1024  # values looked at together: after a change, the rest of them is looked at again


@dataclass(frozen=True, slots=True)
class MeanChange:
    """A detected change; positions count the values of the series from 0."""

    position: int  # of the value at which it was detected
    began: int  # of the first value after the change, as the test estimates it
    direction: Direction


class PageHinkley:
    """Two-sided Page-Hinkley test of one series of values >= 0, in units of their mean.

    ``m_k`` is the running mean of all values so far, and ``u_k = max(m_k, expected)`` is the unit. Evidence for a
    higher mean is the one-sided cumulative sum ``g_k = max(0, g_(k-1) + (x_k - m_k) / u_k - delta)``. It equals
    Hinkley's ``M_k - min(M_1..M_k)`` but does not grow with the series. Evidence for a lower mean uses ``m_k - x_k``.
    When either exceeds ``threshold``, a change is reported and the test starts again with a new mean.

    ``x_k - m_k`` are, up to a factor ``(k-1)/k``, recursive residuals (Brown, Durbin, Evans, JRSS B 37, 1975). They are
    uncorrelated and unbiased from the second value on, so the test needs no warm-up. The unit follows the mean because
    larger errors also scatter more: with a fixed unit, many more changes would be reported after a change for the
    worse. It is never below ``expected``, because after a run of zeros any value would be infinitely many means.

    Args:
        delta: changes of the mean below this share of it are ignored.
        threshold: evidence at which a change is reported, in means.
        expected: expected mean of the series, above 0.
        prior_weight: weight of ``expected`` at the start, as a number of values; 0 for none.

    >>> test = PageHinkley(delta=0.1, threshold=3.0, expected=1.0)
    >>> test.update(np.array([1.0] * 20 + [2.0] * 10))
    [MeanChange(position=24, began=20, direction='higher')]
    """

    def __init__(self, delta: float, threshold: float, expected: float, prior_weight: int = 0) -> None:
        self._delta = delta
        self._threshold = threshold
        self._expected = expected
        self._sum = expected * prior_weight
        self._weight = prior_weight
        self._evidence = np.zeros((2, 1))  # for higher, for lower
        self._seen = 0
        self._began = [0, 0]  # positions where the current evidence begins

    def update(self, values: NDArray[np.float64]) -> list[MeanChange]:
        """Add the next values, finite, oldest first, ``(n,)``, and return the changes they reveal."""
        changes = []
        while len(values):
            change, used = self._until_change(values[:_BLOCK])
            values = values[used:]
            if change is not None:
                changes.append(change)
                self._restart()
        return changes

    def _until_change(self, values: NDArray[np.float64]) -> tuple[MeanChange | None, int]:
        """Process values up to the first change or the end; return the change, if any, and the number processed."""
        sums = self._sum + np.cumsum(values)
        means = sums / (self._weight + np.arange(1, len(values) + 1))
        deviation = (values - means) / np.maximum(means, self._expected)
        steps = np.stack((deviation, -deviation)) - self._delta
        path = self._evidence + np.cumsum(steps, axis=1)
        evidence = path - np.minimum(np.minimum.accumulate(path, axis=1), 0.0)
        over = np.flatnonzero((evidence > self._threshold).any(axis=0))
        used = int(over[0]) + 1 if len(over) else len(values)
        for side in range(2):
            # Evidence begins after its last zero.
            zeros = np.flatnonzero(evidence[side, :used] == 0.0)
            if len(zeros):
                self._began[side] = self._seen + int(zeros[-1]) + 1
        self._seen += used
        self._sum = float(sums[used - 1])
        self._weight += used
        self._evidence = evidence[:, used - 1 : used].copy()
        if not len(over):
            return None, used
        side = int(np.argmax(self._evidence[:, 0]))
        direction: Direction = "lower" if side else "higher"
        return MeanChange(self._seen - 1, self._began[side], direction), used

    def _restart(self) -> None:
        self._sum, self._weight = 0.0, 0
        self._evidence = np.zeros((2, 1))
        self._began = [self._seen, self._seen]
