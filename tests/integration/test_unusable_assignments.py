"""A leader of the group that is another program, and gives the worker an assignment that it cannot use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from consumer import readable_assignments
from consumer.worker import Worker
from ratecast.kafka.client import client_options
from ratecast.kafka.topics import ensure_topics
from tests.bad_records import GOOD
from tests.integration.workers import publish, read, until

if TYPE_CHECKING:
    from ratecast.settings import Settings

ELSEWHERE = ConsumerProtocolMemberAssignment(0, [("another-topic", [0])], b"").encode()


class BytesAsTheyAre:
    """What aiokafka sends as an assignment."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def encode(self) -> bytes:
        return self.content


class SelfishAssignor(RoundRobinPartitionAssignor):
    """Gives the leader nothing, and all other members the same bytes, or not even those."""

    others: bytes | None = None

    @classmethod
    def assign(cls, _cluster, members):
        leader, *others = sorted(members, key=lambda name: not name.startswith("selfish"))
        assigned = {leader: ConsumerProtocolMemberAssignment(0, [], b"")}
        if cls.others is not None:
            assigned |= dict.fromkeys(others, BytesAsTheyAre(cls.others))
        return assigned


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (None, "it is empty"),
        (b"\x00\x01\x7f\xff\xff\xffnobody knows", "18 bytes that cannot be parsed: "),
        (ELSEWHERE, "it names the topic 'another-topic'"),
    ],
    ids=["left out", "no assignment", "another topic"],
)
async def test_the_worker_says_so_and_works_as_soon_as_the_leader_has_gone(
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    others: bytes | None,
    said: str,
) -> None:
    monkeypatch.setattr(readable_assignments, "_FIRST_PAUSE_SECONDS", 0.2)
    await ensure_topics(settings)
    assignor = type("Assignor", (SelfishAssignor,), {"others": others})
    leader = AIOKafkaConsumer(
        settings.input_topic,
        **{**client_options(settings), "client_id": "selfish"},
        group_id=settings.group_id,
        partition_assignment_strategy=[assignor],
    )
    await leader.start()
    worker = Worker(settings)
    running = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await until(lambda: said in caplog.text)
        assert not running.done()
        assert not worker.readiness()["ready"]
        assert f"the leader of group {settings.group_id} gave this worker no assignment" in caplog.text
        assert "RATECAST_GROUP_ID of its own" in caplog.text
        await leader.stop()
        await publish(settings, [(None, GOOD, [])])
        assert len(await read(settings, settings.output_topic, 1)) == 1
    finally:
        await leader.stop()
        worker.stop()
        await running
