"""Publishes one message and waits for its prediction: the shortest end-to-end check."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from ratecast.contract import dead_letter
from ratecast.contract.messages import RateHistory
from ratecast.contract.wire import PredictionRow, decode_prediction
from ratecast.errors import MessageRejectedError, OperationError, UsageError
from ratecast.kafka.producers import idempotent_producer
from ratecast.kafka.reader import TopicReader, open_reader
from ratecast.kafka.rights import Operation, in_one_line
from ratecast.kafka.topics import existing_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.settings import Settings


@dataclass(frozen=True)
class Answer:
    """A prediction, and the seconds from sending the message to reading the prediction."""

    prediction: PredictionRow
    seconds: float


def new_message(history: Sequence[float], pair: str | None = None, as_of: str | None = None) -> RateHistory:
    """Returns a valid message with a new, unique message id.

    Raises:
        UsageError: the message would be invalid. The error names the invalid part.
    """
    message_id = f"predict-{uuid.uuid4().hex}"
    try:
        return RateHistory(history=list(history), pair=pair, as_of=as_of, message_id=message_id)
    except ValidationError as error:
        raise UsageError(_usage_error(error, history, pair, as_of)) from None


def _usage_error(
    error: ValidationError, history: Sequence[float], pair: str | None, as_of: str | None
) -> str:
    """Returns what is wrong with the arguments, and what a user should write instead."""
    location = error.errors(include_url=False)[0]["loc"]
    if location == ("pair",):
        return f"--pair: {pair!r} is not a pair: write two currencies in capital letters, like EUR/GBP"
    if location == ("as_of",):
        return f"--as-of: {as_of!r} is not a date like 2025-01-31 or a date-time like 2025-01-31T16:00:00Z"
    if len(location) > 1:
        return f"rate {history[int(location[1])]} is not a positive number"
    return f"a history must have 3 to 1,024 rates, oldest first; you gave {len(history)}"


async def publish_and_wait(settings: Settings, message: RateHistory, timeout_seconds: float) -> Answer:
    """Publish a message and wait for the prediction made from it.

    Args:
        settings: the brokers and the topics, which must exist.
        message: a message with a unique message id.
        timeout_seconds: how long to wait for the brokers, and then for the prediction.

    Raises:
        BrokerUnavailableError: no broker answered.
        MessageRejectedError: a worker turned the message into a dead letter.
        OperationError: a topic is missing, or no prediction arrived in time.
    """
    await existing_topics(settings, [settings.input_topic], Operation.WRITE)
    outcomes = [settings.output_topic, settings.dead_letter_topic]
    # The reader is at the end before the message is sent, so it cannot miss the prediction.
    async with (
        open_reader(settings, outcomes, from_beginning=False) as reader,
        idempotent_producer(settings) as producer,
    ):
        started = time.perf_counter()
        await _publish(producer, settings, message, timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                prediction = await _outcome(settings, reader, message.message_id or "")
        except TimeoutError:
            raise OperationError(
                f"no prediction arrived within {timeout_seconds:g} s: is a worker running? Start one with `ratecast worker`"
            ) from None
        return Answer(prediction, time.perf_counter() - started)


async def _publish(producer: Any, settings: Settings, message: RateHistory, timeout_seconds: float) -> None:
    value = msgspec.json.encode(message.model_dump(exclude_none=True))
    key = message.pair.encode() if message.pair else None
    try:
        # aiokafka itself would retry forever.
        async with asyncio.timeout(timeout_seconds):
            await producer.send_and_wait(settings.input_topic, value=value, key=key)
    except (KafkaError, TimeoutError) as error:
        reason = f"no broker acknowledged it within {timeout_seconds:g} s"
        if isinstance(error, KafkaError):
            reason = in_one_line(error, settings, written=[settings.input_topic])
        raise OperationError(f"the message could not be published: {reason}") from error


async def _outcome(settings: Settings, reader: TopicReader, message_id: str) -> PredictionRow:
    """Returns the prediction with this message id.

    Raises:
        MessageRejectedError: the raw value of a dead letter contains the message id.
    """
    needle = message_id.encode()
    async with aclosing(reader.batches(follow=True)) as batches:
        async for batch in batches:
            for record in batch:
                if record.value is None or needle not in record.value:
                    continue
                if record.topic == settings.dead_letter_topic:
                    headers = dead_letter.parse(record.headers)
                    raise MessageRejectedError(headers.code, headers.message)
                prediction = decode_prediction(record.value)
                if prediction.message_id == message_id:
                    return prediction
    raise AssertionError("reading with follow=True does not end")
