from __future__ import annotations

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidSessionTimeoutError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from consumer.publishing import Outgoing, OutputRejectedError
from ratecast.kafka.rights import NEEDED, in_one_line, topic_operations
from ratecast.settings import Settings

SETTINGS = Settings(security_protocol="SASL_SSL", sasl_username="ann", sasl_password="-", group_id="g")  # noqa: S106
WRITTEN = ("out", "letters")


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (TopicAuthorizationFailedError("in"), "READ on the topic in"),
        (TopicAuthorizationFailedError({"out"}), "WRITE on the topic out"),
        (TopicAuthorizationFailedError({"out", "letters"}), "WRITE on the topic letters, out"),
        (
            OutputRejectedError(Outgoing("out", 0, []), TopicAuthorizationFailedError("out")),
            "WRITE on the topic out",
        ),
        (GroupAuthorizationFailedError("g"), "READ on the group g"),
        (TransactionalIdAuthorizationFailed("g-in-0"), "WRITE on the transactional id g-in-0"),
        (ClusterAuthorizationFailedError(), "WRITE on the topic letters, out"),
    ],
)
def test_a_denied_request_names_the_right_and_the_user(error: KafkaError, right: str) -> None:
    line = in_one_line(error, SETTINGS, written=WRITTEN)
    assert line.startswith(f"User:ann lacks the right {right}: allow it with kafka-acls --add")
    wrapped = KafkaError("Unexpected error during batch delivery")
    wrapped.__cause__ = error
    assert in_one_line(wrapped, SETTINGS, written=WRITTEN) == line


def test_any_other_error_keeps_its_words() -> None:
    assert in_one_line(InvalidSessionTimeoutError(), SETTINGS).startswith(
        "INVALID_SESSION_TIMEOUT: set RATECAST_"
    )
    assert in_one_line(TimeoutError("nothing for 2 s"), SETTINGS) == "nothing for 2 s"


@pytest.mark.parametrize("command", ["topics", "worker", "replay"])
def test_commands_that_create_topics_say_what_they_need_each_for(command: str) -> None:
    assert len(topic_operations(SETTINGS, command)) == 3
    assert command in NEEDED
