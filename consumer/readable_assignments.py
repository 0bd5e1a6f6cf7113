"""Joins the group again when its leader gave this worker no assignment that it can use.

The coordinator hands on whatever the leader sent, and nothing to a member that the leader left out. In Kafka neither is
an error. aiokafka trusts the bytes, and the task in which it follows the group ends with what their parser raises.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError, UnknownMemberIdError
from aiokafka.protocol.group import LeaveGroupRequest, SyncGroupRequest, SyncGroupRequest_v0

if TYPE_CHECKING:
    from ratecast.kafka.aiokafka_seams import Send

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
# Each attempt makes the whole group rebalance, so they become rarer. But a worker that is stopped waits for the pause.
_MOST_PAUSE_SECONDS = 5.0


class ReadableAssignments:
    """Looks at each assignment of one consumer before aiokafka does.

    Args:
        send: aiokafka's method that sends a request to the group's coordinator.
        group_id: the group.
        topic: the topic that the consumer has subscribed to.
    """

    def __init__(self, send: Send, group_id: str, topic: str) -> None:
        self._send = send
        self._group_id = group_id
        self._topic = topic
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    async def send(self, request: Any) -> Any:
        """Send a request and return its response.

        After an unreadable assignment the worker leaves the group, and the response says that it is unknown. aiokafka
        then joins as a new member. That makes the group rebalance, which a member that joins again does not.
        """
        response = await self._send(request)
        if not isinstance(request, SyncGroupRequest) or response.error_code:
            return response
        if (fault := _fault(response.member_assignment, self._topic)) is None:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
            return response
        log.warning(
            "the leader of group %s gave this worker no assignment that it can use (%s); joining again in %g s. "
            "If this goes on, another application uses the group: give each a RATECAST_GROUP_ID of its own",
            *(self._group_id, fault, self._pause_seconds),
        )
        await asyncio.sleep(self._pause_seconds)
        self._pause_seconds = min(_MOST_PAUSE_SECONDS, 2 * self._pause_seconds)
        try:
            member_id = request.build(SyncGroupRequest_v0).member_id
            await self._send(LeaveGroupRequest(self._group_id, member_id))
        except KafkaError as error:
            log.debug("the group was not left, and will drop this member after its session: %r", error)
        response.error_code = UnknownMemberIdError.errno
        return response


def _fault(assignment: bytes, topic: str) -> str | None:
    if not assignment:
        return "it is empty"
    try:
        others = {one.topic for one in ConsumerProtocol.ASSIGNMENT.decode(assignment).partitions()} - {topic}
    except (ValueError, TypeError) as error:
        return f"{len(assignment)} bytes that cannot be parsed: {type(error).__name__}"
    return f"it names the topic {min(map(repr, others))}" if others else None
