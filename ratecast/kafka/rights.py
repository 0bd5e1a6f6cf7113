"""The rights that each command needs on brokers with access control, and the line that names a missing one.

The names are those of Kafka's access control lists. READ and WRITE include DESCRIBE of the same topic, group or id
(https://kafka.apache.org/documentation/#operations_resources_and_protocols).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from ratecast.kafka.broker_errors import with_remedy
from ratecast.kafka.security import principal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ratecast.settings import Settings


class Operation(StrEnum):
    """What a right allows."""

    READ = "READ"
    WRITE = "WRITE"
    DESCRIBE = "DESCRIBE"
    CREATE = "CREATE"


class Resource(StrEnum):
    """What a right is about."""

    INPUT = "input topic"
    OUTPUT = "output topic"
    DEAD_LETTERS = "dead-letter topic"
    GROUP = "group"
    TRANSACTIONS = "transactional ids"


@dataclass(frozen=True)
class Right:
    """One right of one user."""

    operation: Operation
    resource: Resource


def _rights(**of: str) -> tuple[Right, ...]:
    return tuple(Right(Operation(operation), Resource[name]) for name, operation in of.items())


# What each command needs if the topics exist. The tests run each command with exactly these rights, and once without
# each of them; docs/security.md is generated from them.
NEEDED: dict[str, tuple[Right, ...]] = {
    "topics": _rights(INPUT="DESCRIBE", OUTPUT="DESCRIBE", DEAD_LETTERS="DESCRIBE"),
    "worker": _rights(INPUT="READ", OUTPUT="WRITE", DEAD_LETTERS="WRITE", GROUP="READ", TRANSACTIONS="WRITE"),
    "replay": _rights(INPUT="WRITE", OUTPUT="DESCRIBE", DEAD_LETTERS="DESCRIBE"),
    "feed": (
        Right(Operation.READ, Resource.INPUT),
        *_rights(INPUT="WRITE", OUTPUT="DESCRIBE", DEAD_LETTERS="DESCRIBE", TRANSACTIONS="WRITE"),
    ),
    "predict": _rights(INPUT="WRITE", OUTPUT="READ", DEAD_LETTERS="READ"),
    "tail": _rights(OUTPUT="READ"),
    "web": _rights(INPUT="WRITE", OUTPUT="READ", DEAD_LETTERS="READ"),
    "verify": _rights(INPUT="READ", OUTPUT="READ", DEAD_LETTERS="READ", GROUP="DESCRIBE"),
    "retrain": _rights(INPUT="READ"),
    "drift-report": _rights(OUTPUT="READ"),
    "export predictions": _rights(OUTPUT="READ"),
    "dead-letters list": _rights(DEAD_LETTERS="READ"),
    "dead-letters redeliver": (
        Right(Operation.READ, Resource.INPUT),
        *_rights(INPUT="WRITE", DEAD_LETTERS="READ"),
    ),
    "sink postgres": _rights(OUTPUT="READ", DEAD_LETTERS="READ"),
}


def in_one_line(error: BaseException, settings: Settings, *, written: Collection[str] = ()) -> str:
    """Returns an error of a client in one line. If a right is missing, the line names the right and the user.

    Args:
        error: what the client raised.
        settings: the group, and the user.
        written: the topics that the failing request wrote to. It read from all others.
    """
    for cause in _causes(error):
        if (missing := _missing(cause, settings, written)) is not None:
            return missing
    return with_remedy(error)


def topic_operations(settings: Settings, command: str) -> dict[str, Operation]:
    """Returns what a command does with each of the three topics."""
    names = {
        Resource.INPUT: settings.input_topic,
        Resource.OUTPUT: settings.output_topic,
        Resource.DEAD_LETTERS: settings.dead_letter_topic,
    }
    return {names[right.resource]: right.operation for right in NEEDED[command] if right.resource in names}


def lacks(settings: Settings, operation: Operation, kind: str, names: Collection[str] | str) -> str:
    """Returns the line about a missing right.

    >>> from ratecast.settings import Settings
    >>> lacks(Settings(), Operation.READ, "group", "workers")[:63]
    'User:ANONYMOUS lacks the right READ on the group workers: allow'
    """
    names = (names,) if isinstance(names, str) else sorted(names)
    option = kind.replace(" ", "-")
    user = principal(settings)
    return (
        f"{user} lacks the right {operation} on the {kind} {', '.join(names)}: allow it with kafka-acls --add "
        f"--allow-principal '{user}' --operation {operation.capitalize()} --{option} {names[0] if names else '...'}"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from (part for part in vars(error).values() if isinstance(part, BaseException))
        error = error.__cause__ or error.__context__


def _missing(error: BaseException, settings: Settings, written: Collection[str]) -> str | None:
    if isinstance(error, TopicAuthorizationFailedError):
        topics = _names(error)
        is_write = bool(topics) and topics <= set(written)
        return lacks(settings, Operation.WRITE if is_write else Operation.READ, "topic", topics)
    if isinstance(error, GroupAuthorizationFailedError):
        return lacks(settings, Operation.READ, "group", settings.group_id)
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return lacks(settings, Operation.WRITE, "transactional id", _names(error))
    if isinstance(error, ClusterAuthorizationFailedError) and written:
        # An idempotent producer needs WRITE on some topic, or IDEMPOTENT_WRITE on the cluster (KIP-679).
        return lacks(settings, Operation.WRITE, "topic", written)
    return None


def _names(error: BaseException) -> set[str]:
    """Returns the names that aiokafka put into an error: a name, several, or none."""
    names: set[str] = set()
    for part in error.args:
        names.update((part,) if isinstance(part, str) else part)
    return names
