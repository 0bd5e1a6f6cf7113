from __future__ import annotations

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CoordinatorLoadInProgressError
from aiokafka.structs import OffsetAndMetadata

from consumer.offsets import committed_offset
from ratecast.settings import Settings

SOURCE = TopicPartition("t", 3)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[TopicPartition, OffsetAndMetadata]:
    """What the coordinator says: real brokers are too quick to be caught loading, so the client is cut short."""
    offsets: dict[TopicPartition, OffsetAndMetadata] = {}

    async def nothing(self: AIOKafkaAdminClient) -> None:
        pass

    async def listed(self: AIOKafkaAdminClient, group_id: str, partitions: list) -> dict:
        assert (group_id, partitions) == ("ratecast-workers", [SOURCE])
        return offsets

    monkeypatch.setattr(AIOKafkaAdminClient, "start", nothing)
    monkeypatch.setattr(AIOKafkaAdminClient, "close", nothing)
    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", listed)
    return offsets


async def test_an_answer_without_the_partition_is_an_error_not_a_beginning(answer) -> None:
    with pytest.raises(CoordinatorLoadInProgressError, match="names no offset"):
        await committed_offset(Settings(), SOURCE)


@pytest.mark.parametrize(("offset", "expected"), [(-1, None), (0, 0), (42, 42)])
async def test_nothing_committed_is_said_explicitly(answer, offset: int, expected: int | None) -> None:
    answer[SOURCE] = OffsetAndMetadata(offset, "")
    assert await committed_offset(Settings(), SOURCE) == expected
