from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer

from ratecast import kafka, wire
from ratecast.audit import audit, source_of
from tests.bad_records import GOOD
from tests.integration.workers import publish
from tests.rows import prediction_row


async def test_each_input_is_matched_with_its_outcomes_by_place(settings) -> None:
    """Offset 0 is scored, 1 is a dead letter, 2 is lost, 3 is scored twice, 4 is scored and dead-lettered."""
    await kafka.ensure_topics(settings)
    await publish(settings, [(b"k", GOOD, [])] * 5, partition=2)
    producer = AIOKafkaProducer(**kafka.client_options(settings))
    await producer.start()

    async def scored(offset: int, topic: str = settings.input_topic) -> None:
        row = prediction_row(1.0, place=(topic, 2, offset))
        await producer.send_and_wait(settings.output_topic, wire.encode_prediction(row))

    async def dead(offset: int) -> None:
        place = {"topic": settings.input_topic, "partition": "2", "offset": str(offset)}
        headers = [(f"ratecast.source.{name}", text.encode()) for name, text in place.items()]
        await producer.send_and_wait(settings.dead_letter_topic, b"x", headers=headers)

    try:
        for offset in (0, 3, 3, 4):
            await scored(offset)
        for offset in (1, 4):
            await dead(offset)
        await scored(0, topic="another-topic")
    finally:
        await producer.stop()
    result = await audit(settings)
    assert (result.published, result.scored, result.dead_lettered) == (5, 4, 2)
    assert result.lost == [(2, 2)]
    assert result.duplicated == [(2, 3), (2, 4)]
    assert not result.exactly_once


@pytest.mark.parametrize(
    "headers", [(), (("ratecast.source.topic", b"t"), ("ratecast.source.partition", b"x"))]
)
def test_a_dead_letter_of_somebody_else_has_no_source(headers: tuple) -> None:
    assert source_of(headers) is None
