"""A rolling share over time, with the clock passed in."""

from __future__ import annotations

from collections import deque


class RollingShare:
    """The share of marked items among the items of the last ``window_seconds``, in bounded memory.

    Items are counted in slots of one second, so the window is exact to a second and memory does not grow with
    traffic.

    >>> share = RollingShare(window_seconds=300)
    >>> share.add(3, 10, now=0.0); share.add(0, 10, now=100.0)
    >>> share.value(now=200.0), share.value(now=350.0), share.value(now=900.0)
    (0.15, 0.0, 0.0)
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._slots: deque[list[int]] = deque()  # [second, marked, all]
        self._marked = 0
        self._all = 0

    def add(self, marked: int, count: int, now: float) -> None:
        """Count ``count`` items, ``marked`` of them marked, at clock reading ``now`` (seconds)."""
        self._expire(now)
        second = int(now)
        if not self._slots or self._slots[-1][0] != second:
            self._slots.append([second, 0, 0])
        self._slots[-1][1] += marked
        self._slots[-1][2] += count
        self._marked += marked
        self._all += count

    def value(self, now: float) -> float:
        """Return the share at ``now``; 0 if the window is empty."""
        self._expire(now)
        return self._marked / self._all if self._all else 0.0

    def _expire(self, now: float) -> None:
        while self._slots and self._slots[0][0] < now - self._window_seconds:
            _, marked, count = self._slots.popleft()
            self._marked -= marked
            self._all -= count
