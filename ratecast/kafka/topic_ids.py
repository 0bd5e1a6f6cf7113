"""The id that a broker gives a topic when it is created: a topic deleted and made anew has another (KIP-516).

Metadata version 12, which aiokafka does not speak. The wire format is Kafka's own
(clients/src/main/resources/common/message/MetadataRequest.json and MetadataResponse.json). The answer is read up to the
id and no further: a response lists every partition, and the id is asked for with every transaction.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
    UnsignedVarInt32,
)

if TYPE_CHECKING:
    from io import BytesIO

_NONE = bytes(16)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]
    """Sixteen bytes."""

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value


class TopicIdResponse_v12(Response):  # type: ignore[misc]  # noqa: N801 - as aiokafka names its own
    """The first part of a metadata response about one topic."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics_and_one", UnsignedVarInt32),  # a compact array begins with its length and one
        ("error_code", Int16),
        ("topic", CompactString("utf-8")),
        ("topic_id", _Uuid),
    )


class TopicIdRequest_v12(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as aiokafka names its own
    """Ask for one topic, without creating it."""

    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = TopicIdResponse_v12
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdRequest(Request[TopicIdRequest_v12]):  # type: ignore[misc]
    """Which topic has this name now?

    Args:
        topic: its name.
    """

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[TopicIdRequest_v12]) -> TopicIdRequest_v12:
        """The request in the only version there is."""
        return request_struct_class([(_NONE, self._topic, {})], False, False, {})  # noqa: FBT003 - wire order


async def topic_id(client: Any, node: int, topic: str, **send_options: Any) -> str | None:
    """The id of a topic as Kafka's tools print it; None from brokers that give none (before Kafka 2.8).

    Args:
        client: an AIOKafkaClient.
        node: the broker to ask.
        topic: its name.
        send_options: passed to the client's ``send``.

    Raises:
        KafkaError: the broker does not answer, or there is no such topic.
    """
    try:
        response = await client.send(node, TopicIdRequest(topic), **send_options)
    except (IncompatibleBrokerVersion, NotImplementedError):
        return None
    if response.error_code:
        raise for_code(response.error_code)(f"topic {topic}")
    return text_of(response.topic_id)


def text_of(identity: bytes) -> str | None:
    """Sixteen bytes as Kafka's tools print a topic's id; None for the id of no topic.

    >>> text_of(bytes(range(16))), text_of(bytes(16))
    ('AAECAwQFBgcICQoLDA0ODw', None)
    """
    return None if identity == _NONE else base64.urlsafe_b64encode(identity).decode("ascii").rstrip("=")
