from __future__ import annotations

import pytest
from aiokafka.errors import KafkaError

from consumer import recovery
from consumer.recovery import Recovery
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
