"""One message in, its own answer out: the shortest way to see whether everything works."""

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

from producer.delivery import idempotent_producer
from ratecast.contract import dead_letter
from ratecast.contract.messages import RateHistory
from ratecast.contract.wire import PredictionRow, decode_prediction
from ratecast.errors import MessageRejectedError, OperationError, UsageError
from ratecast.kafka.reader import TopicReader, existing_partitions, open_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.settings import Settings


@dataclass(frozen=True)
class Answer:
    """A prediction, and how long it took from the send until it was read."""

    prediction: PredictionRow
    seconds: float


def new_message(history: Sequence[float], pair: str | None = None, as_of: str | None = None) -> RateHistory:
    """A message that the contract accepts, with a message id of its own.

    Raises:
        UsageError: the contract refuses it; the message says which part and why.
    """
    message_id = f"predict-{uuid.uuid4().hex}"
    try:
        return RateHistory(history=list(history), pair=pair, as_of=as_of, message_id=message_id)
    except ValidationError as error:
        raise UsageError(_fault(error, history, pair, as_of)) from None


def _fault(error: ValidationError, history: Sequence[float], pair: str | None, as_of: str | None) -> str:
    """What a user should write instead."""
    location = error.errors(include_url=False)[0]["loc"]
    if location == ("pair",):
        return f"--pair: {pair!r} is not a pair: write two currencies in capitals like EUR/GBP"
    if location == ("as_of",):
        return f"--as-of: {as_of!r} is not a date like 2025-01-31 or a date-time like 2025-01-31T16:00:00Z"
    if len(location) > 1:
        return f"rate {history[int(location[1])]} is not a positive number"
    return f"a history holds 3 to 1,024 rates, oldest first; {len(history)} were given"


async def publish_and_wait(settings: Settings, message: RateHistory, timeout_seconds: float) -> Answer:
    """Publish a message and wait for the prediction made from it.

    Args:
        settings: brokers and topics; the topics must exist.
        message: with a message id that no other message has.
        timeout_seconds: how long to wait once the message has arrived at the brokers.

    Raises:
        BrokerUnavailableError: no broker answered.
        MessageRejectedError: a worker made a dead letter of the message.
        OperationError: a topic is missing, or nobody answered.
    """
    await existing_partitions(settings, [settings.input_topic])
    outcomes = [settings.output_topic, settings.dead_letter_topic]
    # The reader stands at the end before the message goes out: no answer can be missed.
    async with (
        open_reader(settings, outcomes, from_beginning=False) as reader,
        idempotent_producer(settings) as producer,
    ):
        started = time.perf_counter()
        await _publish(producer, settings.input_topic, message, timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                prediction = await _outcome(settings, reader, message.message_id or "")
        except TimeoutError:
            raise OperationError(
                f"no answer in {timeout_seconds:g} s: is a worker running? try `ratecast worker`"
            ) from None
        return Answer(prediction, time.perf_counter() - started)


async def _publish(producer: Any, topic: str, message: RateHistory, timeout_seconds: float) -> None:
    value = msgspec.json.encode(message.model_dump(exclude_none=True))
    key = message.pair.encode() if message.pair else None
    try:
        # The client alone would retry for ever.
        async with asyncio.timeout(timeout_seconds):
            await producer.send_and_wait(topic, value=value, key=key)
    except (KafkaError, TimeoutError) as error:
        reason = str(error) or f"no acknowledgement in {timeout_seconds:g} s"
        raise OperationError(f"the message could not be published: {reason}") from error


async def _outcome(settings: Settings, reader: TopicReader, message_id: str) -> PredictionRow:
    """The prediction with this message id; a dead letter whose raw value holds it is a refusal."""
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
    raise AssertionError("a followed topic has no end")
