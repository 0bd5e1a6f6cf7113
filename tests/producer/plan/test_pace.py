from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.plan.pace import BURST, Pace, parse_rate
from ratecast.errors import UsageError


@given(rate=st.floats(0.5, 50_000), late=st.lists(st.floats(0, 0.05), max_size=200))
def test_a_late_wake_up_is_made_good_so_nothing_drifts(rate, late):
    pace, elapsed, sent = Pace(rate), 0.0, 0
    for delay in late:
        sent += pace.due(elapsed, sent)
        # Never early, and never more behind than the bound on a burst makes it.
        assert (sent - 1) / rate <= elapsed + 1e-6
        assert sent >= min(int(elapsed * rate + 1e-9) + 1, BURST)
        pause = pace.pause_seconds(elapsed, sent)
        assert elapsed + pause <= max(elapsed + 0.002, sent / rate) + 1e-9, "slept past the next message"
        elapsed += pause + delay


def test_messages_fall_due_one_by_one_at_a_low_rate():
    pace, elapsed, sent, times = Pace(4.0), 0.0, 0, []
    while len(times) < 5:
        due = pace.due(elapsed, sent)
        assert due <= 1
        times += [elapsed] * due
        sent += due
        elapsed += pace.pause_seconds(elapsed, sent)
    assert times == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_a_burst_is_bounded_however_late_it_is():
    assert Pace(10_000.0).due(60.0, 0) == BURST


@pytest.mark.parametrize("text", ["fast", "0", "-5/s", "nan", "inf/s", "", "10/min"])
def test_a_rate_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="500/s"):
        parse_rate(text)
