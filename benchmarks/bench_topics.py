"""Creates topics and fills them with real rates, by a foreign client (librdkafka), as a user of another language would."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from producer.plan import histories
from ratecast.rates.tables import load_ecb

if TYPE_CHECKING:
    from collections.abc import Sequence

START = dt.date(2017, 1, 1)


def values(pairs: Sequence[str], rates: int, most: int = 20_000) -> list[bytes]:
    """Returns messages of real rates as they stand in the input topic, ordered by day and then by pair."""
    plan = histories.plan(load_ecb(), pairs, start=START, window=rates)
    return [message.value for message in plan.messages(0, min(most, len(plan)))]


def as_inference_request(value: bytes) -> bytes:
    """Returns a message as a request of the V2 inference protocol, the only form that MLServer reads."""
    message = json.loads(value)
    rates = message["history"]
    tensor = {"name": "rates", "shape": [1, len(rates)], "datatype": "FP64", "data": rates}
    return json.dumps({"id": message["message_id"], "inputs": [tensor]}).encode()


def new_topic(bootstrap_servers: str, partitions: int) -> str:
    """Creates a topic with a new name, and returns the name."""
    name = f"bench-{uuid.uuid4().hex[:10]}"
    create(bootstrap_servers, name, partitions)
    return name


def _admin(bootstrap_servers: str) -> AdminClient:
    # Without the level each client that ends prints a line about its queue.
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 3})


def create(bootstrap_servers: str, topic: str, partitions: int) -> None:
    """Creates a topic with one replica."""
    admin = _admin(bootstrap_servers)
    for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        created.result(30)


def delete_topics(bootstrap_servers: str, topics: Sequence[str]) -> None:
    """Deletes topics, so that a long run does not fill the disk."""
    admin = _admin(bootstrap_servers)
    for deleted in admin.delete_topics(list(topics)).values():
        deleted.result(30)


class Contents(NamedTuple):
    """What `fill` publishes in turn.

    Attributes:
        values: the messages.
        headers: headers of each message.
        mark: stands in each key before the number of the message.
    """

    values: Sequence[bytes]
    headers: dict[str, str] | None = None
    mark: str = ""


def fill(bootstrap_servers: str, topic: str, partitions: int, messages: int, contents: Contents) -> None:
    """Publishes so many messages in turn to all partitions, and waits until the broker has them.

    The key is the number of the message.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "linger.ms": 20,
            "batch.size": 500_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for number in range(messages):
        arguments = {
            "key": f"{contents.mark}{number}".encode(),
            "value": contents.values[number % len(contents.values)],
            "headers": contents.headers,
        }
        while True:
            try:
                producer.produce(topic, partition=number % partitions, **arguments)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        raise SystemExit(f"the broker did not take all messages of {topic} within 120 s")


def reader(bootstrap_servers: str, topic: str, partitions: int, wait_ms: int = 20) -> Consumer:
    """Returns a client that reads all committed records of a topic from its beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "queued.max.messages.kbytes": 200_000,
            "fetch.wait.max.ms": wait_ms,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    return consumer


def written(consumer: Consumer) -> int:
    """Returns how many records the partitions of a reader hold now, markers of transactions included."""
    ends = (consumer.get_watermark_offsets(partition, timeout=10) for partition in consumer.assignment())
    return sum(end for _, end in ends)
