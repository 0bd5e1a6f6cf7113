"""The three topics: created where they are missing, and waited for."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from ratecast.errors import OperationError
from ratecast.kafka.broker_errors import with_remedy
from ratecast.kafka.client import admin

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_ALLOWANCE = 2**16  # for what we add: a prediction, the headers that say why


@dataclass(frozen=True)
class TopicState:
    """What a topic looks like now."""

    name: str
    partitions: int
    created: bool  # by this very call


def required_topics(settings: Settings) -> dict[str, dict[str, str]]:
    """The topics ratecast uses, each with the configuration it is created with."""
    # An oversized message should become a dead letter, not a refusal at the publisher; and the dead letter
    # must fit although it is its message and more.
    limit = settings.topic_max_message_bytes
    return {
        # The time of a publisher may be any: of a rate years ago, or none. Lag, latency and retention count from the
        # broker's.
        settings.input_topic: {"max.message.bytes": str(limit), "message.timestamp.type": "LogAppendTime"},
        # Headers are carried over: a prediction may be nearly as large as its message.
        settings.output_topic: {"max.message.bytes": str(limit + _ALLOWANCE)},
        settings.dead_letter_topic: {"max.message.bytes": str(limit + _ALLOWANCE)},
    }


async def partition_counts(client: Any) -> dict[str, int]:
    """The partition count of every topic the broker shows."""
    described = await client.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}


async def ensure_topics(settings: Settings) -> list[TopicState]:
    """Create the topics that are missing; say so when one has another partition count than configured.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the broker refused to create a topic.
    """
    states = []
    async with admin(settings) as client:
        counts = await partition_counts(client)
        for name, config in required_topics(settings).items():
            created = name not in counts and await _create(client, name, config, settings)
            partitions = settings.topic_partitions if created else counts.get(name)
            if partitions is None:  # another worker was quicker
                partitions = (await partition_counts(client)).get(name, settings.topic_partitions)
            if partitions != settings.topic_partitions:
                log.warning(
                    "topic %s has %d partitions, not the configured %d: it is used as it is",
                    name,
                    partitions,
                    settings.topic_partitions,
                )
            states.append(TopicState(name, partitions, created))
        if any(state.created for state in states):
            await _until_led(client, states, settings.connect_timeout_seconds)
    return states


async def _until_led(client: Any, states: list[TopicState], limit_seconds: float) -> None:
    """Wait until every partition is shown with a leader: a topic is created before it can be used.

    Raises:
        OperationError: that did not come about in time.
    """
    deadline = time.monotonic() + limit_seconds
    expected = {state.name: state.partitions for state in states}
    while True:
        described = await client.describe_topics(list(expected))
        led = {
            topic["topic"]: sum(partition["leader"] >= 0 for partition in topic["partitions"])
            for topic in described
            if topic["error_code"] == 0
        }
        missing = [name for name, count in expected.items() if led.get(name, 0) < count]
        if not missing:
            return
        if time.monotonic() > deadline:
            raise OperationError(f"topic {missing[0]} was created, but its partitions have no leaders")
        await asyncio.sleep(0.05)


async def _create(client: Any, name: str, config: dict[str, str], settings: Settings) -> bool:
    topic = NewTopic(
        name=name,
        num_partitions=settings.topic_partitions,
        replication_factor=settings.topic_replication_factor,
        topic_configs=config,
    )
    try:
        response = await client.create_topics([topic])
    except KafkaError as error:
        raise OperationError(f"topic {name} could not be created: {with_remedy(error)}") from error
    for _, code, *detail in response.topic_errors:
        kind = for_code(code)
        if kind is TopicAlreadyExistsError:
            return False
        if code != 0:
            reason = next((text for text in detail if text), kind.__name__)
            raise OperationError(f"topic {name} could not be created: {reason}")
    return True
