"""Log lines on stderr: text for people, JSON for log collectors."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import TYPE_CHECKING

from ratecast.log_fields import FIELDS

if TYPE_CHECKING:
    from ratecast.settings import Settings


class JsonFormatter(logging.Formatter):
    """Formats each record as one line with a JSON object, in ASCII only.

    Messages may quote what somebody else wrote. JSON escapes line breaks and terminal sequences only up to U+001F, and there
    are others behind it, so everything that is not ASCII is escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Returns time, level, logger, message, the fields of `ratecast.log_fields`, and the traceback if there is one."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str).replace("\x7f", "\\u007f")


class RepeatedRecently(logging.Filter):
    """Holds back repetitions of messages of the Kafka client and of OpenTelemetry for a while.

    While a broker is unreachable, the client logs the same message ten times a second. Its messages about retries are
    rarely news: Apache Kafka makes it retry whenever one transaction closely follows another. OpenTelemetry logs each request
    that a collector does not answer, and `monitoring.span_delivery` says so once.

    Args:
        quiet_seconds: how long repetitions of a message are held back.
        quiet_seconds_of_retries: how long repetitions of a message with the word "retrying", and of OpenTelemetry's, are
            held back.
    """

    def __init__(self, quiet_seconds: float = 10.0, quiet_seconds_of_retries: float = 600.0) -> None:
        super().__init__()
        self._quiet_seconds = quiet_seconds
        self._quiet_seconds_of_retries = quiet_seconds_of_retries
        self._logged_at: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether to log a record."""
        if not record.name.startswith(("aiokafka", "opentelemetry")):
            return True
        place = record.pathname, record.lineno  # bounded by the number of log calls in the client's code
        rarely = "retrying" in str(record.msg) or record.name.startswith("opentelemetry")
        quiet = self._quiet_seconds_of_retries if rarely else self._quiet_seconds
        if record.created - self._logged_at.get(place, 0.0) < quiet:
            return False
        self._logged_at[place] = record.created
        return True


class Retried(logging.Filter):
    """Lowers errors of the Kafka client to warnings if the client retries the request by itself.

    For example a worker on a new cluster asks for the group's coordinator before there is one, and succeeds a moment
    later. The log should not show an ERROR for that.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns True; lowers the level of retried errors."""
        if record.name.startswith("aiokafka") and record.levelno == logging.ERROR:
            causes = record.args if isinstance(record.args, tuple) else ()
            if any(getattr(cause, "retriable", False) for cause in causes):
                record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


class Logins(logging.Filter):
    """Hides the bytes of logins, which the Kafka client logs at the level DEBUG. They contain passwords and tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether to log a record."""
        parts = record.args if isinstance(record.args, tuple) else ()
        return not any(type(part).__name__.startswith("SaslAuthenticate") for part in parts)


class ClientLeftovers(logging.Filter):
    """Hides asyncio's complaints about futures and tasks that the Kafka client abandons.

    aiokafka gives every batch several futures and fails all of them together. One of them is awaited, and its error is
    logged or ends the program. For each of the others asyncio would print a traceback at garbage collection, minutes
    after a worker was fenced. A producer that closes while its brokers are unreachable also abandons its flush.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether to log a record."""
        if record.name != "asyncio":
            return True
        message = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        never_retrieved = message.startswith("Future exception was never retrieved")
        never_ended = message.startswith("Task was destroyed but it is pending!")
        return not (
            (never_retrieved and type(error).__module__.startswith("aiokafka"))
            or (never_ended and "MessageAccumulator.close()" in message)
        )


def configure_logging(settings: Settings) -> None:
    """Send all log records to stderr in the configured format."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty()):
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    handler.addFilter(RepeatedRecently())
    handler.addFilter(Retried())
    handler.addFilter(Logins())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # The client's INFO lines are about its internals; its warnings are kept.
    if settings.log_level != "DEBUG":
        handler.addFilter(ClientLeftovers())
        logging.getLogger("aiokafka").setLevel(logging.WARNING)


def quiet_client(settings: Settings) -> None:
    """Silence the Kafka client, which logs a fault several times a second. Our error reports it once."""
    if settings.log_level != "DEBUG":
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
