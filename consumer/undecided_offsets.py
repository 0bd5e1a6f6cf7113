"""Names the open transaction that may still change a committed offset, and when the brokers end it at the latest.

A new owner's InitProducerId ends the transaction of its predecessor. A transaction of any other transactional id that has
sent an offset for the partition is ended by its owner, or by the broker after the timeout that its owner chose. So is one
that a broker lost sight of when its disk was full.

ListTransactions and DescribeTransactions (KIP-664) are not in aiokafka. The wire formats are defined in Apache Kafka
(clients/src/main/resources/common/message).
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

if TYPE_CHECKING:
    from aiokafka import TopicPartition

log = logging.getLogger(__name__)

_TEXT = CompactString("utf-8")
_OFFSETS_TOPIC = "__consumer_offsets"
# transaction.max.timeout.ms of a broker by default, and its ten seconds between two looks at the open transactions.
LONGEST_SECONDS = 910.0


class UndecidedOffsetError(KafkaError):  # type: ignore[misc]
    """An open transaction may still change the committed offset. The brokers will end it; the partition waits.

    Args:
        text: what is waited for, and until when.
        is_lost: whether no broker knows an open transaction that has sent offsets. Then none will end it.
    """

    def __init__(self, text: str, *, is_lost: bool = False) -> None:
        super().__init__(text)
        self.is_lost = is_lost


class ListTransactionsResponse_v0(Response):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """The transactions of one coordinator."""

    API_KEY = 66
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("unknown_states", CompactArray(_TEXT)),
        (
            "transactions",
            CompactArray(
                ("transactional_id", _TEXT), ("producer_id", Int64), ("state", _TEXT), ("tags", TaggedFields)
            ),
        ),
        ("tags", TaggedFields),
    )


class ListTransactionsRequest_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """Asks for the transactions in some states."""

    FLEXIBLE_VERSION = True
    API_KEY = 66
    API_VERSION = 0
    RESPONSE_TYPE = ListTransactionsResponse_v0
    SCHEMA = Schema(
        ("states", CompactArray(_TEXT)), ("producer_ids", CompactArray(Int64)), ("tags", TaggedFields)
    )


class DescribeTransactionsResponse_v0(Response):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """When transactions began, how long they may last, and what they wrote to."""

    API_KEY = 65
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transactions",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", _TEXT),
                ("state", _TEXT),
                ("timeout_ms", Int32),
                ("start_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(
                        ("topic", _TEXT), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeTransactionsRequest_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801 - named like aiokafka's
    """Asks about transactions of one coordinator."""

    FLEXIBLE_VERSION = True
    API_KEY = 65
    API_VERSION = 0
    RESPONSE_TYPE = DescribeTransactionsResponse_v0
    SCHEMA = Schema(("transactional_ids", CompactArray(_TEXT)), ("tags", TaggedFields))


class ListOpenTransactions(Request[ListTransactionsRequest_v0]):  # type: ignore[misc]
    """The request for the transactions that are not over."""

    API_KEY = 66

    def build(self, request_struct_class: type[ListTransactionsRequest_v0]) -> ListTransactionsRequest_v0:
        """Returns the request."""
        return request_struct_class(["Ongoing", "PrepareCommit", "PrepareAbort"], [], {})


class DescribeTransactions(Request[DescribeTransactionsRequest_v0]):  # type: ignore[misc]
    """The request for the details of transactions.

    Args:
        transactional_ids: ids of which the broker is the coordinator.
    """

    API_KEY = 65

    def __init__(self, transactional_ids: list[str]) -> None:
        self._transactional_ids = transactional_ids

    def build(
        self, request_struct_class: type[DescribeTransactionsRequest_v0]
    ) -> DescribeTransactionsRequest_v0:
        """Returns the request."""
        return request_struct_class(self._transactional_ids, {})


async def undecided(client: Any, source: TopicPartition) -> UndecidedOffsetError:
    """Returns the error for an offset that an open transaction may still change. It names the oldest one that may.

    Args:
        client: a connected AIOKafkaClient.
        source: the input partition.
    """
    found, is_lost = None, False
    try:
        found = await _oldest_with_offsets(client)
        is_lost = found is None
    except (KafkaError, OSError, NotImplementedError) as error:
        log.debug("cannot ask for open transactions: %r", error)
    if found is None:
        cause, by = "an open transaction", "within 15 minutes, if transaction.max.timeout.ms is the default"
    else:
        transactional_id, ends_ms = found
        at = dt.datetime.fromtimestamp(ends_ms / 1000, dt.UTC)
        cause, by = f"the open transaction of {transactional_id}", f"by {at:%Y-%m-%d %H:%M:%S} UTC"
    return UndecidedOffsetError(
        f"{cause} may still change the committed offset of {source.topic}-{source.partition}; the brokers end it {by}",
        is_lost=is_lost,
    )


async def _oldest_with_offsets(client: Any) -> tuple[str, int] | None:
    """Returns id and latest end, in ms since the epoch, of the oldest open transaction that has sent offsets."""
    oldest: tuple[int, str, int] | None = None
    for broker in client.cluster.brokers():
        listed = await client.send(broker.nodeId, ListOpenTransactions())
        if listed.error_code:
            raise for_code(listed.error_code)  # it is still loading them, or this user may not see them
        if not (ids := [transactional_id for transactional_id, *_ in listed.transactions]):
            continue
        described = await client.send(broker.nodeId, DescribeTransactions(ids))
        for error_code, transactional_id, _, timeout_ms, start_ms, _, _, topics, _ in described.transactions:
            if not error_code and start_ms > 0 and any(topic == _OFFSETS_TOPIC for topic, *_ in topics):
                transaction = start_ms, transactional_id, start_ms + timeout_ms
                oldest = transaction if oldest is None else min(oldest, transaction)
    return None if oldest is None else oldest[1:]
