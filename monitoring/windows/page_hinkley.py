"""The Page-Hinkley test: when did the mean of a series change, and which way? Pure, whole blocks at a time.

E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); D. V. Hinkley, "Inference about the
change-point from cumulative sum tests", Biometrika 58 (1971), which learns the mean from the series itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Direction = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class MeanChange:
    """A change that was found; positions count the values of the series from 0."""

    position: int  # of the value that told it
    began: int  # of the first value after the change, as far as the test can say
    direction: Direction


class PageHinkley:
    """Two-sided Page-Hinkley test of one series of values >= 0, in units of their mean.

    With the running mean ``m_k`` of all values so far and the unit ``u_k = max(m_k, expected)``, evidence for a
    higher mean is the one-sided cumulative sum ``g_k = max(0, g_(k-1) + (x_k - m_k) / u_k - delta)``, which
    equals Hinkley's ``M_k - min(M_1..M_k)`` but does not grow with the series; for a lower mean likewise with
    ``m_k - x_k``. When one exceeds ``threshold`` a change is told and the test starts anew, mean included:
    what is the same from then on is no change.

    ``x_k - m_k`` are, up to a factor ``(k-1)/k``, recursive residuals (Brown, Durbin, Evans, JRSS B 37, 1975):
    uncorrelated and without bias from the second value on, so no number of values has to be waited for. The
    unit is there because errors that grow also scatter more: in a fixed one, the time after a change for the
    worse would be full of further changes. It never falls below ``expected``, for after a run of zeros any
    value would be infinitely many means.

    Args:
        delta: changes of the mean below this share of it are let pass.
        threshold: evidence needed, in means.
        expected: the mean that the series is expected to have, above 0.
        prior_weight: how many values that expectation is worth when the series begins; 0 is none.

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
        self._began = [0, 0]  # where the evidence in hand begins

    def update(self, values: NDArray[np.float64]) -> list[MeanChange]:
        """Go on with the next values, finite, oldest first, ``(n,)``; the changes they told."""
        changes = []
        while len(values):
            change, used = self._until_change(values)
            values = values[used:]
            if change is not None:
                changes.append(change)
                self._start_anew()
        return changes

    def _until_change(self, values: NDArray[np.float64]) -> tuple[MeanChange | None, int]:
        """Use up values, all of them or as far as the first change."""
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

    def _start_anew(self) -> None:
        self._sum, self._weight = 0.0, 0
        self._evidence = np.zeros((2, 1))
        self._began = [self._seen, self._seen]
