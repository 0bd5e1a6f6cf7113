"""A paced feed of real histories that goes on through every fault: what is not acknowledged is sent again."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from producer.plan import histories
from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_producer
from ratecast.rates.tables import load_ecb

if TYPE_CHECKING:
    from producer.plan.histories import Message
    from ratecast.settings import Settings

_CHUNKS_A_SECOND = 20


class Feed:
    """Publishes ``rate`` messages a second until it is stopped.

    A chunk that fails is sent once more by a new producer. Should its first try have arrived after all, that is
    two inputs, each of which must have one outcome.
    """

    def __init__(self, settings: Settings, pairs: list[str], rate: float) -> None:
        self._settings = settings
        self._plan = histories.plan(load_ecb(), pairs)
        self._chunk = max(1, round(rate / _CHUNKS_A_SECOND))
        self._stopping = asyncio.Event()
        self.acknowledged = 0

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        position, producer = 0, None
        while not self._stopping.is_set():
            size = len(self._plan)
            lap, start = divmod(position, size)
            messages = self._plan.messages(start, min(start + self._chunk, size), lap + 1)
            try:
                producer = producer or await self._new_producer()
                await self._send(producer, messages)
            except (KafkaError, OSError, TimeoutError):
                if producer is not None:
                    await stop_producer(producer)
                producer = None
                await asyncio.sleep(0.5)
                continue
            position += len(messages)
            self.acknowledged += len(messages)
            await asyncio.sleep(1 / _CHUNKS_A_SECOND)
        if producer is not None:
            await stop_producer(producer)

    async def _new_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**client_options(self._settings), acks="all", enable_idempotence=True)
        try:
            await producer.start()
        except BaseException:
            await stop_producer(producer)
            raise
        return producer

    async def _send(self, producer: AIOKafkaProducer, messages: list[Message]) -> None:
        async with asyncio.timeout(15):
            # All partitions in turn, so that every worker always has something in hand.
            partitions = itertools.cycle(range(self._settings.topic_partitions))
            sent = [
                await producer.send(
                    self._settings.input_topic, message.value, key=message.key, partition=next(partitions)
                )
                for message in messages
            ]
            await asyncio.gather(*sent)
