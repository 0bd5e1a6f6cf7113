"""All errors of ratecast as one tree; each branch says what to do about it.

RatecastError
├── UsageError            the command or its configuration is wrong: correct it       (exit code 2)
├── OperationError        something failed that may work later: retry                 (exit code 1)
│   ├── BrokerUnavailableError   no broker answered within the limit
│   │   └── BrokerSecurityError  TLS or the login failed: the message says what to change, here or on the broker
│   ├── JoinRefusedError         the consumer group refuses the worker: the message says what to change
│   ├── DatabaseError            the database is down, full or read-only, or its tables are not those of this program
│   ├── ModelBundleError         a bundle is missing or incomplete, or a checksum does not match
│   ├── ModelFailingError        scoring fails for most records: switch to another model
│   └── MessageRejectedError     a worker rejected the message: correct it, or train a model for its pair
├── StartAgainError       what a sink knows is out of date: read the offsets from the database and continue there
├── FencedError           another worker owns the partition now: release it and continue with the others
└── RecordError           one record cannot be scored: dead-letter it and continue
"""

from __future__ import annotations

from enum import StrEnum


def one_line(text: str, most: int) -> str:
    r"""Return a text as one line of at most so many printable characters.

    >>> one_line("a\nb twice", 8)
    'a\\nb tw…'
    """
    text = text[: most + 1]
    if not text.isprintable():
        text = "".join(
            sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
        )
    return text if len(text) <= most else f"{text[: most - 1]}…"


class RatecastError(Exception):
    """Base of every error that ratecast raises on purpose."""


class UsageError(RatecastError):
    """The user's command, file or configuration is wrong; the message says how to correct it."""


class OperationError(RatecastError):
    """Something outside the program failed within its time limit; a later attempt may succeed."""


class BrokerUnavailableError(OperationError):
    """No broker answered within the configured limit."""


class BrokerSecurityError(BrokerUnavailableError):
    """The brokers answer, but TLS or the login fails. The cause may be here or on the brokers."""


class JoinRefusedError(OperationError):
    """The consumer group refused this worker for longer than the configured limit."""


class DatabaseError(OperationError):
    """The database failed for longer than the configured limit, or its tables cannot be used."""


class ModelFailingError(OperationError):
    """Scoring fails for so many records that the model or the program is at fault; the batch is not committed."""


class ModelBundleError(OperationError):
    """A model bundle is missing or incomplete, or a checksum does not match.

    The message may quote a file of the bundle, and it goes into the log, so it is one line (`one_line`).
    """

    MAX_LENGTH = 1000

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, self.MAX_LENGTH))


class MessageRejectedError(OperationError):
    """A worker answered a message with a dead letter, whose code and message this error carries (None if absent)."""

    def __init__(self, code: str | None, message: str | None) -> None:
        super().__init__(f"message rejected: {code}: {message}")
        self.code = code
        self.message = message


class StartAgainError(RatecastError):
    """What a sink knows of its topics or offsets no longer holds: read them again and continue from there."""


class FencedError(RatecastError):
    """Another producer took over this partition's transactional id: release the partition."""


class ErrorCode(StrEnum):
    """Why a record became a dead letter; a closed set that alert rules and dashboards rely on."""

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
    r"""One record cannot be scored: dead-letter it with this code and continue.

    The message may quote the record, and it goes into a header and into the log. It is therefore one line of at most
    `MAX_LENGTH` printable characters: a line break in a quoted key must not forge a second log line.

    >>> RecordError(ErrorCode.INVALID_JSON, "key a\nb twice").message
    'key a\\nb twice'
    """

    MAX_LENGTH = 500

    def __init__(self, code: ErrorCode, message: str) -> None:
        message = one_line(message, self.MAX_LENGTH)
        super().__init__(message)
        self.code = code
        self.message = message
