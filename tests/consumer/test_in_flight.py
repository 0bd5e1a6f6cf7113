from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumer.in_flight import InFlight, more_waits
from tests.fakes import FakeRecord

SOURCE = TopicPartition("rate-histories", 0)


async def failing() -> None:
    raise KafkaError("no coordinator")


async def endless() -> None:
    await asyncio.Event().wait()


async def test_a_failed_transaction_ends_a_poll_that_would_wait_longer() -> None:
    in_flight, polling = InFlight(), asyncio.ensure_future(endless())
    in_flight.start(failing())
    with pytest.raises(KafkaError, match="no coordinator"):
        await in_flight.failed_before(polling)
    await asyncio.wait([polling])
    assert polling.cancelled()
    await in_flight.settled()  # it was reported once


async def test_a_poll_that_is_done_first_does_not_wait_for_the_transaction() -> None:
    in_flight, polling = InFlight(), asyncio.ensure_future(asyncio.sleep(0, "records"))
    in_flight.start(endless())
    await in_flight.failed_before(polling)
    assert polling.result() == "records"
    await in_flight.abandoned()


async def test_a_second_transaction_waits_for_the_first() -> None:
    in_flight = InFlight()
    in_flight.start(endless())
    second = endless()
    with pytest.raises(AssertionError):
        in_flight.start(second)
    second.close()
    await in_flight.abandoned()


async def test_an_abandoned_transaction_has_ended() -> None:
    ended = asyncio.Event()

    async def publishing() -> None:
        try:
            await endless()
        finally:
            ended.set()

    in_flight = InFlight()
    in_flight.start(publishing())
    await asyncio.sleep(0)
    await in_flight.abandoned()
    assert ended.is_set()


async def test_a_pipeline_that_is_cancelled_while_it_waits_can_still_abandon_its_transaction() -> None:
    in_flight = InFlight()
    in_flight.start(endless())
    waiting = asyncio.create_task(in_flight.settled())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(AssertionError):
        in_flight.start(unused := endless())
    unused.close()
    await in_flight.abandoned()


class Assigned:
    def __init__(self, end: int | None, partitions: int = 1) -> None:
        self.end = end
        self.partitions = {TopicPartition("rate-histories", number) for number in range(partitions)}

    def assignment(self) -> set[TopicPartition]:
        return self.partitions

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self.end


@pytest.mark.parametrize(
    ("consumer", "more"),
    [
        (Assigned(21), True),
        (Assigned(20), True),
        (Assigned(19), False),
        (Assigned(None), False),
        (Assigned(99, partitions=8), True),
        (Assigned(99, partitions=9), False),
        (Assigned(99, partitions=0), False),
    ],
)
def test_scoring_goes_ahead_when_as_many_records_again_wait_on_few_partitions(consumer, more) -> None:
    assert more_waits(consumer, SOURCE, [FakeRecord(b"{}", offset=n) for n in range(10)]) is more
