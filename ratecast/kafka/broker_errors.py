"""Explains the brokers' errors in words, including the error codes that aiokafka 0.14 does not know.

aiokafka turns an unknown code into ``UnknownError()``. `register` adds the missing codes to aiokafka's table. Codes and
names are from Apache Kafka (clients/src/main/java/org/apache/kafka/common/protocol/Errors.java).
"""

from __future__ import annotations

from typing import Any

from aiokafka import errors
from aiokafka.errors import BrokerResponseError

# Code, name, and whether a retry may succeed.
_CODES = (
    (73, "TOPIC_DELETION_DISABLED", False),
    (74, "FENCED_LEADER_EPOCH", True),
    (75, "UNKNOWN_LEADER_EPOCH", True),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", False),
    (77, "STALE_BROKER_EPOCH", False),
    (78, "OFFSET_NOT_AVAILABLE", True),
    (80, "PREFERRED_LEADER_NOT_AVAILABLE", True),
    (81, "GROUP_MAX_SIZE_REACHED", False),
    (82, "FENCED_INSTANCE_ID", False),
    (83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", True),
    (84, "ELECTION_NOT_NEEDED", True),
    (85, "NO_REASSIGNMENT_IN_PROGRESS", False),
    (86, "GROUP_SUBSCRIBED_TO_TOPIC", False),
    (87, "INVALID_RECORD", False),
    (88, "UNSTABLE_OFFSET_COMMIT", True),
    (89, "THROTTLING_QUOTA_EXCEEDED", True),
    (90, "PRODUCER_FENCED", False),
    (91, "RESOURCE_NOT_FOUND", False),
    (92, "DUPLICATE_RESOURCE", False),
    (93, "UNACCEPTABLE_CREDENTIAL", False),
    (94, "INCONSISTENT_VOTER_SET", False),
    (95, "INVALID_UPDATE_VERSION", False),
    (96, "FEATURE_UPDATE_FAILED", False),
    (97, "PRINCIPAL_DESERIALIZATION_FAILURE", False),
    (98, "SNAPSHOT_NOT_FOUND", False),
    (99, "POSITION_OUT_OF_RANGE", False),
    (100, "UNKNOWN_TOPIC_ID", True),
    (101, "DUPLICATE_BROKER_REGISTRATION", False),
    (102, "BROKER_ID_NOT_REGISTERED", False),
    (103, "INCONSISTENT_TOPIC_ID", True),
    (104, "INCONSISTENT_CLUSTER_ID", False),
    (105, "TRANSACTIONAL_ID_NOT_FOUND", False),
    (106, "FETCH_SESSION_TOPIC_ID_ERROR", True),
    (107, "INELIGIBLE_REPLICA", False),
    (108, "NEW_LEADER_ELECTED", False),
    (109, "OFFSET_MOVED_TO_TIERED_STORAGE", False),
    (110, "FENCED_MEMBER_EPOCH", False),
    (111, "UNRELEASED_INSTANCE_ID", False),
    (112, "UNSUPPORTED_ASSIGNOR", False),
    (113, "STALE_MEMBER_EPOCH", False),
    (114, "MISMATCHED_ENDPOINT_TYPE", False),
    (115, "UNSUPPORTED_ENDPOINT_TYPE", False),
    (116, "UNKNOWN_CONTROLLER_ID", False),
    (117, "UNKNOWN_SUBSCRIPTION_ID", False),
    (118, "TELEMETRY_TOO_LARGE", False),
    (119, "INVALID_REGISTRATION", False),
    (120, "TRANSACTION_ABORTABLE", False),
    (121, "INVALID_RECORD_STATE", False),
    (122, "SHARE_SESSION_NOT_FOUND", True),
    (123, "INVALID_SHARE_SESSION_EPOCH", True),
    (124, "FENCED_STATE_EPOCH", False),
    (125, "INVALID_VOTER_KEY", False),
    (126, "DUPLICATE_VOTER", False),
    (127, "VOTER_NOT_FOUND", False),
    (128, "INVALID_REGULAR_EXPRESSION", False),
    (129, "REBOOTSTRAP_REQUIRED", False),
    (130, "STREAMS_INVALID_TOPOLOGY", False),
    (131, "STREAMS_INVALID_TOPOLOGY_EPOCH", False),
    (132, "STREAMS_TOPOLOGY_FENCED", False),
    (133, "SHARE_SESSION_LIMIT_REACHED", True),
)
# Explanations of the errors that a user of ratecast may get.
_IN_WORDS = {
    "UNSUPPORTED_COMPRESSION_TYPE": "the broker does not support the topic's compression codec",
    "GROUP_MAX_SIZE_REACHED": "the group already has the maximum number of members (group.max.size)",
    "FENCED_INSTANCE_ID": "another member uses the same group.instance.id",
    "INVALID_RECORD": "the broker rejected a record: a compacted topic needs a key in every record, and a broker may "
    "check records against a schema",
    "THROTTLING_QUOTA_EXCEEDED": "the cluster's quota is used up",
    "UNSUPPORTED_ASSIGNOR": "the group's members have no assignment strategy in common",
}

_FENCED_INSTANCE_ID = 82

# What a user can do about an error, whether or not aiokafka knows its code.
_REMEDIES: dict[str, str] = {
    "INCONSISTENT_GROUP_PROTOCOL": "another application is in this group and assigns partitions in another way "
    "(cooperative-sticky, or the newer consumer protocol): give it a group of its own, or set RATECAST_GROUP_ID",
    "UNSUPPORTED_ASSIGNOR": "another application is in this group and assigns partitions in another way: give it a group "
    "of its own, or set RATECAST_GROUP_ID",
    "GROUP_AUTHORIZATION_FAILED": "allow this user READ on the group (kafka-acls --add --operation Read --group ...)",
    "TOPIC_AUTHORIZATION_FAILED": "allow this user READ and DESCRIBE on the topic (kafka-acls --add --operation Read "
    "--topic ...)",
    "INVALID_SESSION_TIMEOUT": "set RATECAST_SESSION_TIMEOUT_MS to a value that the broker allows "
    "(group.min.session.timeout.ms to group.max.session.timeout.ms)",
    "GROUP_MAX_SIZE_REACHED": "stop members of the group, or raise group.max.size on the brokers",
    "INVALID_GROUP_ID": "set RATECAST_GROUP_ID to a name that the broker accepts",
    "FENCED_INSTANCE_ID": "give each member another group.instance.id (RATECAST_GROUP_INSTANCE_ID)",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "allow this user WRITE and DESCRIBE on the transactional ids that begin with "
    "the group's name (kafka-acls --add --operation Write --transactional-id ... --resource-pattern-type prefixed)",
    "MESSAGE_SIZE_TOO_LARGE": "raise the topic's max.message.bytes, or lower RATECAST_PUBLISH_BATCH_BYTES",
}
_GROUP_ERRORS = _REMEDIES.keys() - {
    "TOPIC_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "MESSAGE_SIZE_TOO_LARGE",
}


def register() -> None:
    """Make aiokafka report these codes by their names."""
    for number, name, retriable in _CODES:
        errors.kafka_errors.setdefault(number, _error_class(number, name, retriable=retriable))


def _error_class(number: int, name: str, *, retriable: bool) -> type[BrokerResponseError]:
    fields: dict[str, Any] = {
        "errno": number,
        "message": name,
        "description": _IN_WORDS.get(name, ""),
        "retriable": retriable,
    }
    return type(f"{_class_name(name)}Error", (BrokerResponseError,), fields)


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def in_words(error: BaseException) -> str:
    """Returns an error of aiokafka or the broker in one line: the name of its code, and an explanation if there is one.

    >>> in_words(errors.GroupAuthorizationFailedError("workers"))
    'GROUP_AUTHORIZATION_FAILED (workers)'
    >>> in_words(errors.for_code(87)())[:48]
    'INVALID_RECORD (the broker rejected a record: a '
    """
    if not isinstance(error, BrokerResponseError):
        return str(error) or repr(error)
    details = [str(part) for part in error.args if str(part)]
    if words := _IN_WORDS.get(error.message):
        details.append(words)
    return f"{error.message} ({'; '.join(details)})" if details else str(error.message)


def with_remedy(error: BaseException) -> str:
    """Returns an error in one line, with a remedy if there is one.

    >>> with_remedy(errors.InvalidSessionTimeoutError())[:67]
    'INVALID_SESSION_TIMEOUT: set RATECAST_SESSION_TIMEOUT_MS to a value'
    """
    text = in_words(error)
    for name, remedy in _REMEDIES.items():
        # aiokafka wraps some errors in another one, whose text contains the class name.
        if name in text or f"{_class_name(name)}Error" in text:
            return f"{text}: {remedy}"
    return text


def is_fenced_instance(error: BaseException) -> bool:
    """Returns whether a static member of a group was replaced by another process with the same instance id.

    >>> is_fenced_instance(errors.for_code(82)())
    True
    """
    # aiokafka wraps the error of a heartbeat in another one, whose text contains the class name.
    return getattr(error, "errno", None) == _FENCED_INSTANCE_ID or "FencedInstanceIdError" in str(error)


def is_group_error(error: BaseException) -> bool:
    """Returns whether an error raised by a poll concerns the group membership and not the polled partition."""
    is_known = isinstance(error, BrokerResponseError) and error.message in _GROUP_ERRORS
    return is_known or is_fenced_instance(error)


register()
InvalidRecordError: type[BrokerResponseError] = errors.kafka_errors[87]
