"""``POST /predict``: publishes a history and answers with its prediction."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from aiokafka.errors import KafkaError
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from ratecast.contract.inputs import decode_histories
from ratecast.contract.wire import encode_prediction
from ratecast.errors import RecordError
from ratecast.kafka.rights import in_one_line
from web.body import BodyError, json_body
from web.entries import LetterEntry
from web.waiting_answers import TooManyWaitingError

if TYPE_CHECKING:
    from starlette.requests import Request

    from ratecast.contract.inputs import History
    from ratecast.contract.wire import PredictionRow
    from ratecast.settings import Settings
    from web.topic_feed import TopicFeed
    from web.waiting_answers import Waiting, WaitingAnswers

RETRY_SECONDS = 2
_PUBLISH_SECONDS = 5.0
_REMEMBERED_IDS = 10_000


class AwayError(Exception):
    """Kafka cannot be reached now."""


class Door:
    """Publishes messages to the input topic, and waits for what becomes of them.

    Args:
        settings: topics and limits.
        feed: reads the outcomes, and holds the producer.
        answers: the requests that wait.
    """

    def __init__(self, settings: Settings, feed: TopicFeed, answers: WaitingAnswers) -> None:
        self._settings = settings
        self._feed = feed
        self._answers = answers
        self._pending: OrderedDict[str, None] = OrderedDict()

    async def predict(self, request: Request) -> Response:
        """Answer one request: 200 with its prediction, or why there is none."""
        try:
            body = await json_body(request, self._settings.max_message_bytes)
        except BodyError as fault:
            close = {"Connection": "close"}  # the rest of the body was not read
            return fault_response(fault.status, fault.code, fault.message, close)
        history = decode_histories([body], self._settings.max_message_bytes)[0]
        if isinstance(history, RecordError):
            return fault_response(422, history.code.value, history.message)
        history.message_id = history.message_id or f"web-{uuid.uuid4().hex}"
        try:
            with self._answers.waiting(history.message_id) as waiting:
                return await self._answer(request, history, waiting)
        except TooManyWaitingError as fault:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            return fault_response(429, "too_many_waiting", f"{fault}. Try again later.", retry)
        except AwayError as fault:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            return fault_response(503, "kafka_unreachable", str(fault), retry)

    def is_pending(self, message_id: str) -> bool:
        """Whether a message was published here and its outcome did not come in time."""
        return message_id in self._pending

    def _remember(self, message_id: str) -> None:
        self._pending[message_id] = None
        while len(self._pending) > _REMEMBERED_IDS:
            self._pending.popitem(last=False)

    async def _answer(self, request: Request, history: History, waiting: Waiting) -> Response:
        started = time.perf_counter()
        key = None if history.pair is None else history.pair.encode()
        waiting.published(await self.publish(encode_history(history), key))
        outcome = await self._outcome(request, waiting)
        timing = {"Server-Timing": f"kafka;dur={1000 * (time.perf_counter() - started):.1f}"}
        if isinstance(outcome, LetterEntry):
            return fault_response(422, outcome.code or "unknown", outcome.words, timing)
        if outcome is None:
            self._remember(waiting.message_id)
            return pending_response(waiting.message_id)
        return Response(encode_prediction(outcome), headers=timing, media_type="application/json")

    async def publish(self, value: bytes, key: bytes | None) -> tuple[str, int, int]:
        """Publish a message to the input topic, and return its place.

        Raises:
            AwayError: Kafka cannot be reached, or did not acknowledge the message in time.
        """
        feed, topic = self._feed, self._settings.input_topic
        if feed.producer is None or not feed.reachable:
            raise AwayError(f"Kafka cannot be reached: {feed.fault or 'no broker answers'}")
        try:
            # aiokafka itself would retry forever.
            async with asyncio.timeout(_PUBLISH_SECONDS):
                written = await feed.producer.send_and_wait(topic, value=value, key=key)
        except TimeoutError:
            raise AwayError(
                f"no broker acknowledged the message within {_PUBLISH_SECONDS:g} s; it may be scored later"
            ) from None
        except KafkaError as error:
            reason = in_one_line(error, self._settings, written=[topic])
            raise AwayError(f"the message could not be published: {reason}") from error
        return written.topic, written.partition, written.offset

    async def _outcome(self, request: Request, waiting: Waiting) -> PredictionRow | LetterEntry | None:
        """Wait for the outcome; None if it does not come in time.

        Raises:
            ClientDisconnect: the client went away, and must not keep a place from others.
        """
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            both: set[asyncio.Future[Any]] = {waiting.outcome, gone}
            await asyncio.wait(
                both,
                timeout=self._settings.web_timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            gone.cancel()
        if waiting.outcome.done():
            return waiting.outcome.result()
        if gone.done() and not gone.cancelled():
            raise ClientDisconnect
        return None


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def encode_history(history: History) -> bytes:
    """Encode an input message without the fields that it does not have."""
    fields = msgspec.structs.asdict(history)
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def location(message_id: str) -> str:
    """Return the address of a message's prediction.

    >>> location("desk/7 a")
    '/predictions/desk%2F7%20a'
    """
    return f"/predictions/{quote(message_id, safe='')}"


def pending_response(message_id: str) -> Response:
    """Return 202: the message is published, and its prediction is not there yet."""
    headers = {"Location": location(message_id), "Retry-After": str(RETRY_SECONDS)}
    body: dict[str, Any] = {
        "message_id": message_id,
        "location": headers["Location"],
        "message": "The message is published. Its prediction will be at this location.",
    }
    return JSONResponse(body, status_code=202, headers=headers)


def fault_response(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """Return why a request was not done, as a code for programs and a sentence for people."""
    return JSONResponse({"code": code, "message": message}, status_code=status, headers=headers)
