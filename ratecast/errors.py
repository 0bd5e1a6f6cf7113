"""The one tree of errors, each branch saying what its reader should do.

RatecastError
├── UsageError            the command or its configuration is wrong: fix it           (exit code 2)
├── OperationError        it could not be done now: the orchestrator may try again    (exit code 1)
│   ├── BrokerUnavailableError   no broker answered within the limit
│   ├── JoinRefusedError         the consumer group does not let the worker in: the message names the remedy
│   ├── ModelBundleError         a bundle is missing, incomplete or fails its digests
│   ├── ModelFailingError        scoring fails for most records: put another model into use
│   └── RefusedError             a worker turned the message away: mend it, or teach the model its pair
├── FencedError           another worker owns the partition now: give it up and go on with the others
└── RecordError           one record cannot be scored: dead-letter it and go on
"""

from __future__ import annotations

from enum import StrEnum


class RatecastError(Exception):
    """Base of every error ratecast raises on purpose."""


class UsageError(RatecastError):
    """The user's command, file or configuration is wrong; the message names the fix."""


class OperationError(RatecastError):
    """Something outside could not be done within its limit; a later try may succeed."""


class BrokerUnavailableError(OperationError):
    """No broker answered within the configured limit."""


class JoinRefusedError(OperationError):
    """The consumer group has not let this worker in for too long."""


class ModelFailingError(OperationError):
    """So many records fail that the model or this program is at fault: nothing of the batch is committed."""


class ModelBundleError(OperationError):
    """A model bundle is missing, incomplete, or does not match its digests."""


class RefusedError(OperationError):
    """A worker answered a message with a dead letter: its code and its words, None if it has none."""

    def __init__(self, code: str | None, message: str | None) -> None:
        super().__init__(f"refused: {code}: {message}")
        self.code = code
        self.message = message


class FencedError(RatecastError):
    """Another producer owns this partition's transactional id now: give the partition up."""


class ErrorCode(StrEnum):
    """Why a record became a dead letter. A closed set: alerts and dashboards list it."""

    EMPTY_VALUE = "empty_value"
    INVALID_ENCODING = "invalid_encoding"
    INVALID_JSON = "invalid_json"
    SCHEMA_VIOLATION = "schema_violation"
    HISTORY_TOO_SHORT = "history_too_short"
    INVALID_RATE = "invalid_rate"
    UNKNOWN_PAIR = "unknown_pair"
    TOO_LARGE = "too_large"
    SCORING_FAILED = "scoring_failed"


class RecordError(RatecastError):
    r"""One record cannot be scored: dead-letter it with this code and go on.

    The message may quote what came in, and it travels in a header and stands in a log. So it is one line of printable
    characters, at most `MAX_WORDS`: a line break in a quoted key must not forge a second line of the log.

    >>> RecordError(ErrorCode.INVALID_JSON, "key a\nb twice").message
    'key a\\nb twice'
    """

    MAX_WORDS = 500

    def __init__(self, code: ErrorCode, message: str) -> None:
        message = message[: self.MAX_WORDS + 1]
        if not message.isprintable():
            message = "".join(
                sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in message
            )
        if len(message) > self.MAX_WORDS:
            message = f"{message[: self.MAX_WORDS - 1]}…"
        super().__init__(message)
        self.code = code
        self.message = message
