from __future__ import annotations

import random

from monitoring.windows.rolling_share import RollingShare


def test_the_share_is_that_of_the_window_to_within_a_second() -> None:
    generator = random.Random(7)
    share, events, now = RollingShare(window_seconds=300), [], 0.0
    for _ in range(3000):
        now += generator.expovariate(2)
        marked, count = generator.randint(0, 3), 3
        events.append((now, marked, count))
        share.add(marked, count, now)
        inside = [(m, c) for at, m, c in events if int(at) >= now - 300]
        assert share.value(now) == sum(m for m, _ in inside) / sum(c for _, c in inside)


def test_memory_does_not_grow_with_traffic() -> None:
    share = RollingShare(window_seconds=300)
    for number in range(100_000):
        share.add(1, 1, now=number / 100)
    assert len(share._slots) <= 302
