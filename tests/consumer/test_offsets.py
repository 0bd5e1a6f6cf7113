from __future__ import annotations

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    GroupAuthorizationFailedError,
    NotCoordinatorForGroupError,
)
from aiokafka.protocol.commit import OffsetFetchRequest_v3, OffsetFetchResponse_v3

from consumer.offset_fetch import OffsetFetchRequest_v7, OffsetFetchResponse_v7, StableOffsetFetch
from consumer.offsets import committed_offset
from consumer.undecided_offsets import UndecidedOffsetError
from ratecast.contract.commit_note import CommitNote, Committed
from ratecast.settings import Settings

SOURCE = TopicPartition("t", 3)
NO_NOTE = CommitNote()


class Coordinator:
    """What the coordinator says: real brokers are too quick to be caught loading, so the client is cut short."""

    def __init__(self) -> None:
        self.answer: OffsetFetchResponse_v3 | OffsetFetchResponse_v7 = self.flexible([], 0)

    def says(self, offset: int, code: int = 0) -> None:
        self.answer = self.flexible([("t", [(3, offset, -1, "", code, {})], {})], 0)

    def flexible(self, topics: list, code: int) -> OffsetFetchResponse_v7:
        # Over the wire and back, so that the layout is tested too.
        return OffsetFetchResponse_v7.decode(OffsetFetchResponse_v7(0, topics, code, {}).encode())


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    asked = Coordinator()

    async def nothing(self: AIOKafkaClient) -> None:
        pass

    async def looked_up(self: AIOKafkaClient, kind: CoordinationType, group: str) -> int:
        assert (kind, group) == (CoordinationType.GROUP, "ratecast-workers")
        return 1

    async def sent(self: AIOKafkaClient, node: int, request: StableOffsetFetch) -> object:
        assert node == 1
        return asked.answer

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", nothing)
    monkeypatch.setattr(AIOKafkaClient, "close", nothing)
    monkeypatch.setattr(AIOKafkaClient, "coordinator_lookup", looked_up)
    monkeypatch.setattr(AIOKafkaClient, "send", sent)
    return asked


async def test_an_answer_without_the_partition_is_an_error_not_a_beginning(coordinator) -> None:
    with pytest.raises(CoordinatorLoadInProgressError, match="returned no offset"):
        await committed_offset(Settings(), SOURCE)


@pytest.mark.parametrize(
    ("offset", "expected"), [(-1, None), (0, Committed(0, NO_NOTE)), (42, Committed(42, NO_NOTE))]
)
async def test_nothing_committed_is_said_explicitly(
    coordinator, offset: int, expected: Committed | None
) -> None:
    coordinator.says(offset)
    assert await committed_offset(Settings(), SOURCE) == expected


async def test_an_offset_that_a_transaction_may_still_move_is_an_error(coordinator) -> None:
    coordinator.says(-1, 88)
    with pytest.raises(UndecidedOffsetError, match="may still change the committed offset of t-3"):
        await committed_offset(Settings(), SOURCE)


async def test_errors_of_the_request_and_of_the_partition_are_raised(coordinator) -> None:
    coordinator.answer = coordinator.flexible([], 16)
    with pytest.raises(NotCoordinatorForGroupError):
        await committed_offset(Settings(), SOURCE)
    coordinator.says(-1, 30)
    with pytest.raises(GroupAuthorizationFailedError):
        await committed_offset(Settings(), SOURCE)


async def test_the_answer_of_an_old_broker_is_understood(coordinator) -> None:
    coordinator.answer = OffsetFetchResponse_v3(0, [("t", [(3, 7, "", 0)])], 0)
    assert await committed_offset(Settings(), SOURCE) == Committed(7, NO_NOTE)


def test_stable_offsets_are_asked_for_wherever_the_broker_knows_the_word() -> None:
    request = StableOffsetFetch("g", "t", 3)
    newest = request.prepare({9: (1, 10)})
    assert isinstance(newest, OffsetFetchRequest_v7)
    assert newest.require_stable is True
    assert newest.encode() == b"\x02g\x02\x02t\x02\x00\x00\x00\x03\x00\x01\x00"
    assert isinstance(request.prepare({9: (0, 5)}), OffsetFetchRequest_v3)
