"""Heartbeat version 3 and OffsetCommit version 7, which aiokafka does not implement: they name the group instance.

A coordinator answers a replaced static member with FENCED_INSTANCE_ID only if the request names the instance. To
aiokafka's older versions it answers UNKNOWN_MEMBER_ID. aiokafka would then join again as the same instance and fence its
successor, which would do the same, without end.

KIP-345 added ``group_instance_id``. The wire formats are defined in Apache Kafka
(clients/src/main/resources/common/message/HeartbeatRequest.json and OffsetCommitRequest.json).
"""

from __future__ import annotations

from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetCommitRequest_v3, OffsetCommitResponse_v3
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatRequest_v1, HeartbeatResponse_v1
from aiokafka.protocol.types import Array, Int32, Int64, Schema, String


class HeartbeatResponse_v3(Response):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """An error code."""

    API_KEY = 12
    API_VERSION = 3
    SCHEMA = HeartbeatResponse_v1.SCHEMA


class HeartbeatRequest_v3(RequestStruct):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """A heartbeat of a static member."""

    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = HeartbeatResponse_v3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class OffsetCommitResponse_v7(Response):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """An error code for each partition."""

    API_KEY = 8
    API_VERSION = 7
    SCHEMA = OffsetCommitResponse_v3.SCHEMA


class OffsetCommitRequest_v7(RequestStruct):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """Offsets of a static member."""

    API_KEY = 8
    API_VERSION = 7
    RESPONSE_TYPE = OffsetCommitResponse_v7
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", String("utf-8")),
                    ),
                ),
            ),
        ),
    )


_NO_EPOCH = -1


class StaticHeartbeat(Request[HeartbeatRequest_v1 | HeartbeatRequest_v3]):  # type: ignore[misc]
    """A heartbeat that names the instance, if the broker knows instances.

    Args:
        request: the heartbeat of version 1.
        instance_id: the group instance.
    """

    API_KEY = 12

    def __init__(self, request: HeartbeatRequest_v1, instance_id: str) -> None:
        self._request = request
        self._instance_id = instance_id

    def build(
        self, request_struct_class: type[HeartbeatRequest_v1 | HeartbeatRequest_v3]
    ) -> HeartbeatRequest_v1 | HeartbeatRequest_v3:
        """Returns the request in the version that the connection has negotiated."""
        if request_struct_class is HeartbeatRequest_v1:
            return self._request
        given = self._request.to_object()
        return HeartbeatRequest_v3(
            given["group"], given["generation_id"], given["member_id"], self._instance_id
        )


class StaticOffsetCommit(Request[OffsetCommitRequest_v3 | OffsetCommitRequest_v7]):  # type: ignore[misc]
    """A commit that names the instance, if the broker knows instances.

    Args:
        request: the commit of version 3.
        instance_id: the group instance.
    """

    API_KEY = 8

    def __init__(self, request: OffsetCommitRequest_v3, instance_id: str) -> None:
        self._request = request
        self._instance_id = instance_id

    def build(
        self, request_struct_class: type[OffsetCommitRequest_v3 | OffsetCommitRequest_v7]
    ) -> OffsetCommitRequest_v3 | OffsetCommitRequest_v7:
        """Returns the request in the version that the connection has negotiated."""
        if request_struct_class is OffsetCommitRequest_v3:
            return self._request
        given = self._request.to_object()
        topics = [
            (
                topic["topic"],
                [
                    (part["partition"], part["offset"], _NO_EPOCH, part["metadata"])
                    for part in topic["partitions"]
                ],
            )
            for topic in given["topics"]
        ]
        return OffsetCommitRequest_v7(
            given["consumer_group"],
            given["consumer_group_generation_id"],
            given["consumer_id"],
            self._instance_id,
            topics,
        )


def naming(request: Any, instance_id: str) -> Any:
    """Returns a request of aiokafka's coordinator that names the instance. Other requests are returned unchanged."""
    if isinstance(request, HeartbeatRequest):
        return StaticHeartbeat(request.build(HeartbeatRequest_v1), instance_id)
    if isinstance(request, OffsetCommitRequest):
        return StaticOffsetCommit(request.build(OffsetCommitRequest_v3), instance_id)
    return request
