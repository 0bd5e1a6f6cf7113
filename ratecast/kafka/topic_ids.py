"""Asks for a topic's id, which the broker assigns on creation: a deleted and recreated topic has another (KIP-516).

The id needs version 12 of the Metadata request, which aiokafka does not implement. The wire format is defined in Apache
Kafka (clients/src/main/resources/common/message/MetadataRequest.json and MetadataResponse.json). The response is parsed
only up to the id, because it lists every partition after it and every transaction asks for the id.
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


class TopicIdResponse_v12(Response):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """The first part of a Metadata response about one topic, up to the topic's id."""

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
        ("topics_and_one", UnsignedVarInt32),  # a compact array begins with its length plus one
        ("error_code", Int16),
        ("topic", CompactString("utf-8")),
        ("topic_id", _Uuid),
    )


class TopicIdRequest_v12(RequestStruct):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """A Metadata request about one topic that does not create it."""

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
    """The request for the id of the topic that has this name now.

    Args:
        topic: its name.
    """

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[TopicIdRequest_v12]) -> TopicIdRequest_v12:
        """Returns the request in its only version."""
        return request_struct_class([(_NONE, self._topic, {})], False, False, {})  # noqa: FBT003 - wire order


async def topic_id(client: Any, node: int, topic: str, **send_options: Any) -> str | None:
    """Returns the id of a topic as Kafka's tools print it; None from brokers before Kafka 2.8, which assign none.

    Args:
        client: an AIOKafkaClient.
        node: the broker to ask.
        topic: its name.
        send_options: passed to the client's ``send``.

    Raises:
        KafkaError: the broker does not answer, or the topic does not exist.
    """
    return (await cluster_and_topic_id(client, node, topic, **send_options))[1]


async def cluster_and_topic_id(
    client: Any, node: int, topic: str, **send_options: Any
) -> tuple[str | None, str | None]:
    """Returns the id of the cluster and that of a topic; both are None from brokers before Kafka 2.8.

    Args:
        client: an AIOKafkaClient.
        node: the broker to ask.
        topic: its name.
        send_options: passed to the client's ``send``.

    Raises:
        KafkaError: the broker does not answer, or the topic does not exist.
    """
    try:
        response = await client.send(node, TopicIdRequest(topic), **send_options)
    except (IncompatibleBrokerVersion, NotImplementedError):
        return None, None
    if response.error_code:
        raise for_code(response.error_code)(f"topic {topic}")
    return response.cluster_id, id_as_text(response.topic_id)


def id_as_text(id_bytes: bytes) -> str | None:
    """Returns a topic's id of sixteen bytes as Kafka's tools print it; None for sixteen zero bytes.

    >>> id_as_text(bytes(range(16))), id_as_text(bytes(16))
    ('AAECAwQFBgcICQoLDA0ODw', None)
    """
    return None if id_bytes == _NONE else base64.urlsafe_b64encode(id_bytes).decode("ascii").rstrip("=")
