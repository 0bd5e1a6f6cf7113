from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    KafkaError,
    for_code,
)

from consumer import membership
from consumer.membership import Membership
from ratecast.errors import JoinRefusedError
from ratecast.settings import Settings
from tests.fakes import Clock


class RefusedConsumer:
    """A client whose coordinator reports an error at every attempt."""

    def __init__(self, error: KafkaError | None) -> None:
        self.error = error
        self.asked = 0
        self._coordinator = self
        self._coordination_task = SimpleNamespace(done=lambda: False)

    def check_errors(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(membership, "time", clock)
    return clock


def test_a_refusal_is_said_once_with_its_remedy_and_given_up_in_time(clock, caplog) -> None:
    group = Membership(Settings(give_up_seconds=30.0))
    group.began_joining()
    consumer = RefusedConsumer(InconsistentGroupProtocolError())
    with pytest.raises(
        JoinRefusedError, match=r"cannot join group ratecast-workers: .*RATECAST_GROUP_ID.*rejected for 30 s"
    ):
        for _ in range(40):
            group.check(consumer)
            clock.now += 1
    assert clock.now == 1030
    assert sum("cannot join" in record.message for record in caplog.records) == 1
    assert consumer.asked < 10  # with growing pauses: each try makes the client join once more


@pytest.mark.parametrize(
    "error",
    [
        for_code(82)(),
        KafkaError("Unexpected exception in heartbeat task: FencedInstanceIdError()"),  # as aiokafka wraps it
    ],
)
def test_a_worker_whose_name_another_process_has_taken_ends_at_once(clock, error) -> None:
    group = Membership(Settings(give_up_seconds=30.0, group_instance_id="worker-0"))
    with pytest.raises(
        JoinRefusedError, match=r"another process has joined group ratecast-workers as worker-0: "
    ):
        group.check(RefusedConsumer(error))
    assert clock.now == 1000


def test_the_group_lets_it_in_after_all(clock, caplog) -> None:
    caplog.set_level(logging.INFO)
    group = Membership(Settings(give_up_seconds=30.0))
    group.began_joining()
    with_error, without = RefusedConsumer(GroupAuthorizationFailedError("g")), RefusedConsumer(None)
    group.check(with_error)
    assert group.refusal is not None
    assert "User:ANONYMOUS lacks the right READ on the group" in group.refusal
    clock.now += 29
    group.check(without)
    group.assigned()
    assert (group.joined, group.refusal, group.joining_seconds) == (True, None, 0.0)
    clock.now += 100
    group.began_joining()
    group.check(with_error)  # a new refusal has all its time again
    assert "has accepted this worker" in caplog.text


def test_a_join_that_takes_long_is_said_every_minute_with_the_reason(clock, caplog) -> None:
    group = Membership(Settings(give_up_seconds=1000.0))
    group.began_joining()
    group.check(RefusedConsumer(KafkaError("GroupMaxSizeReachedError()")))
    for _ in range(130):
        clock.now += 1
        group.check(RefusedConsumer(None))
    waiting = [record.message for record in caplog.records if "still waiting" in record.message]
    assert len(waiting) == 2
    assert "after 60 s" in waiting[0]
    assert "group.max.size" in waiting[0]


def test_a_refusal_that_does_not_come_again_is_forgotten_and_a_later_one_has_all_its_time(clock) -> None:
    """A member may recover without joining anew: its heartbeats are let through again."""
    group = Membership(Settings(give_up_seconds=30.0))
    group.check(RefusedConsumer(GroupAuthorizationFailedError("g")))
    assert group.refusal is not None
    for _ in range(70):
        clock.now += 1
        group.check(RefusedConsumer(None))
    assert group.refusal is None
    group.check(RefusedConsumer(GroupAuthorizationFailedError("g")))
    assert group.refusal is not None
