"""Looks topics up, and creates the three topics of ratecast if they are missing."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from ratecast.errors import OperationError
from ratecast.kafka.client import admin, wire_client
from ratecast.kafka.rights import Operation, in_one_line, lacks, topic_operations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_ALLOWANCE = 2**16  # bytes that we add to a message: the prediction, or the headers of a dead letter


@dataclass(frozen=True)
class TopicState:
    """A topic after `ensure_topics`."""

    name: str
    partitions: int
    created: bool  # whether that call created it


def required_topics(settings: Settings) -> dict[str, dict[str, str]]:
    """Returns the topics that ratecast uses, each with the configuration it is created with."""
    # The broker must accept an oversized message, so that it becomes a dead letter. The dead letter is larger than the
    # message and must fit its topic too.
    limit = settings.topic_max_message_bytes
    return {
        # Lag, latency and retention need the time at which the broker got the message. A publisher's timestamp may be
        # missing, or the date of a rate from years ago.
        settings.input_topic: {"max.message.bytes": str(limit), "message.timestamp.type": "LogAppendTime"},
        # A prediction gets the headers of its message, so it may be nearly as large.
        settings.output_topic: {"max.message.bytes": str(limit + _ALLOWANCE)},
        settings.dead_letter_topic: {"max.message.bytes": str(limit + _ALLOWANCE)},
    }


async def partition_counts(client: Any) -> dict[str, int]:
    """Returns the partition count of every topic that an admin client can see."""
    described = await client.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}


async def existing_topics(
    settings: Settings, topics: Collection[str], operation: Operation = Operation.READ
) -> dict[str, int]:
    """Returns the partition count of each of these topics, and creates none.

    Args:
        settings: the brokers.
        topics: names of topics.
        operation: what will be done with them. An error names it if the user may not even see a topic.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist.
    """
    async with admin(settings) as client:
        counts = await partition_counts(client)
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        await _check_not_hidden(settings, dict.fromkeys(missing, operation))
        raise OperationError(
            f"topic {', '.join(missing)} does not exist at {settings.bootstrap_servers}: "
            "create the topics with `ratecast topics`"
        )
    return {topic: counts[topic] for topic in topics}


async def _check_not_hidden(settings: Settings, topics: Mapping[str, Operation]) -> None:
    """Check that topics which no list contains are missing. Brokers list no topic that the user may not describe.

    Raises:
        OperationError: the user may not describe one of them, whether it exists or not, or no broker answers.
    """
    # Asking for a topic by its name would create it if that were not forbidden here.
    request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
    try:
        async with wire_client(settings) as client:
            response = await client.send(client.get_random_node(), request)
    except KafkaError as error:
        raise OperationError(f"the topics cannot be looked up: {in_one_line(error, settings)}") from error
    denied = [
        topic["topic"]
        for topic in response.to_object()["topics"]
        if topic["error_code"] == TopicAuthorizationFailedError.errno
    ]
    if denied:
        operation = topics[denied[0]]
        same = [topic for topic in denied if topics[topic] is operation]
        raise OperationError(lacks(settings, operation, "topic", same))


async def existing_partitions(settings: Settings, topics: Collection[str]) -> list[TopicPartition]:
    """Returns all partitions of these topics, and creates none.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: a topic does not exist.
    """
    counts = await existing_topics(settings, topics)
    return [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]


async def ensure_topics(settings: Settings, command: str = "topics") -> list[TopicState]:
    """Create missing topics, and log a warning if one has another partition count than configured.

    Args:
        settings: the brokers, the topics and how to create them.
        command: the command that will use them. An error names the right that it needs on a topic it may not see.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the broker did not create a topic.
    """
    states = []
    async with admin(settings) as client:
        counts = await partition_counts(client)
        if hidden := [topic for topic in required_topics(settings) if topic not in counts]:
            operations = topic_operations(settings, command)
            await _check_not_hidden(settings, {topic: operations[topic] for topic in hidden})
        for name, config in required_topics(settings).items():
            created = name not in counts and await _create(client, name, config, settings)
            partitions = settings.topic_partitions if created else counts.get(name)
            if partitions is None:  # another worker created it first
                partitions = (await partition_counts(client)).get(name, settings.topic_partitions)
            if partitions != settings.topic_partitions:
                log.warning(
                    "topic %s has %d partitions, not the configured %d; ratecast uses it unchanged",
                    name,
                    partitions,
                    settings.topic_partitions,
                )
            states.append(TopicState(name, partitions, created))
        if any(state.created for state in states):
            await _wait_for_leaders(client, states, settings.connect_timeout_seconds)
    return states


async def _wait_for_leaders(client: Any, states: list[TopicState], limit_seconds: float) -> None:
    """Wait until every partition has a leader, because a new topic cannot be used before that.

    Raises:
        OperationError: a partition has no leader after the limit.
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
        raise OperationError(f"topic {name} could not be created: {in_one_line(error, settings)}") from error
    for _, code, *detail in response.topic_errors:
        kind = for_code(code)
        if kind is TopicAlreadyExistsError:
            return False
        if code != 0:
            reason = next((text for text in detail if text), kind.__name__)
            raise OperationError(f"topic {name} could not be created: {reason}")
    return True
