"""OffsetFetch version 7, which aiokafka does not implement: committed offsets that no open transaction can change.

The wire format is defined in Apache Kafka (clients/src/main/resources/common/message/OffsetFetchRequest.json and
OffsetFetchResponse.json). KIP-447 added ``require_stable``.
"""

from __future__ import annotations

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.commit import OffsetFetchRequest_v3
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

UNSTABLE_OFFSET_COMMIT = 88  # a transaction with an offset of this partition is still open


class OffsetFetchResponse_v7(Response):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """Offsets by topic and partition, and an error code for the whole request."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class OffsetFetchRequest_v7(RequestStruct):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """A request for the offsets of some partitions, optionally only stable ones."""

    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = OffsetFetchResponse_v7
    SCHEMA = Schema(
        ("group", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class StableOffsetFetch(Request[OffsetFetchRequest_v3 | OffsetFetchRequest_v7]):  # type: ignore[misc]
    """The request for the committed offset of one partition; a stable offset from Kafka 2.5 on.

    Args:
        group: the consumer group.
        topic: the topic of the partition.
        partition: the number of the partition.
    """

    API_KEY = 9

    def __init__(self, group: str, topic: str, partition: int) -> None:
        self._group = group
        self._topic = topic
        self._partition = partition

    def build(
        self, request_struct_class: type[OffsetFetchRequest_v3 | OffsetFetchRequest_v7]
    ) -> OffsetFetchRequest_v3 | OffsetFetchRequest_v7:
        """Returns the request in the version that the connection has negotiated."""
        if request_struct_class is OffsetFetchRequest_v7:
            return OffsetFetchRequest_v7(
                group=self._group,
                topics=[(self._topic, [self._partition], {})],
                require_stable=True,
                tags={},
            )
        return OffsetFetchRequest_v3(self._group, [(self._topic, [self._partition])])


def offsets_of(response: Response) -> dict[tuple[str, int], tuple[int, str | None, int]]:
    """Returns offset, metadata and error code of each partition in a response of either version.

    >>> offsets_of(OffsetFetchResponse_v7(0, [("t", [(3, 42, -1, "", 0, {})], {})], 0, {}))
    {('t', 3): (42, '', 0)}
    """
    found = response.to_object()["topics"]
    return {
        (topic["topic"], partition["partition"]): (
            partition["offset"],
            partition["metadata"],
            partition["error_code"],
        )
        for topic in found
        for partition in topic["partitions"]
    }
