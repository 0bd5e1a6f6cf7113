from __future__ import annotations

import pytest
from aiokafka.errors import KafkaError

from consumer import recovery
from consumer.recovery import Recovery
from consumer.undecided_offsets import UndecidedOffsetError
from consumer.unreadable_batches import UnreadableBatchError
from ratecast.errors import OperationError
from tests.fakes import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(recovery, "time", clock)
    return clock


def test_pauses_grow_to_five_seconds_and_the_limit_ends_it(clock) -> None:
    failing, pauses = Recovery("t-0", 60.0), []
    with pytest.raises(OperationError, match=r"t-0 failed for 60 s, last: .*broken"):
        while len(pauses) < 100:
            pauses.append(failing.failed(KafkaError("broken")))
            clock.now += pauses[-1]
    assert pauses[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert clock.now > 1060


def test_a_success_gives_a_later_failure_all_its_time(clock) -> None:
    failing = Recovery("t-0", 60.0)
    failing.failed(KafkaError("broken"))
    clock.now += 59
    failing.succeeded()
    clock.now += 3600
    assert failing.failed(KafkaError("broken")) == 0.2


def test_a_batch_that_cannot_be_read_blocks_its_partition_and_never_ends_the_worker(clock, caplog) -> None:
    failing = Recovery("t-0", 60.0)
    for _ in range(100):
        clock.now += failing.failed(UnreadableBatchError("t-0@7: the batch's checksum is wrong"))
    assert failing.blocked == "t-0@7: the batch's checksum is wrong"
    assert 5 <= len(caplog.records) <= 10  # once a minute
    assert "This partition waits; the others continue" in caplog.text
    failing.succeeded()
    assert failing.blocked is None


def test_waiting_for_the_brokers_to_end_a_transaction_is_no_failure_until_no_broker_would_take_so_long(
    clock, caplog
) -> None:
    failing, undecided = (
        Recovery("t-0", 60.0),
        UndecidedOffsetError("the open transaction of x; ends by 12:00"),
    )
    began = clock.now
    with pytest.raises(OperationError, match=r"t-0 failed for 60 s, last: .*the open transaction of x"):
        for _ in range(2000):
            clock.now += failing.failed(undecided)
            if clock.now < began + 900:
                assert failing.waiting == "the open transaction of x; ends by 12:00"
    assert 15 * 60 + 60 < clock.now - began < 15 * 60 + 90
    waiting = [record for record in caplog.records if "This partition waits" in record.message]
    assert 14 <= len(waiting) <= 17  # once a minute
    failing.succeeded()
    assert failing.waiting is None


def test_a_failure_before_the_wait_does_not_count_after_it(clock) -> None:
    failing = Recovery("t-0", 60.0)
    failing.failed(KafkaError("broken"))
    clock.now += 59
    failing.failed(UndecidedOffsetError("wait"))
    clock.now += 59
    assert failing.failed(KafkaError("broken")) == 0.2
    assert failing.waiting is None
