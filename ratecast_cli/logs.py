"""Log lines on stderr: text for people, JSON for collectors."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratecast.settings import Settings


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, and the traceback if there is one."""
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class SaidRecently(logging.Filter):
    """Lets the client say the same thing once in so many seconds.

    While a broker is away it would say it ten times a second. What it says of a retry is hardly ever news:
    Apache Kafka has it try again whenever one transaction follows close upon another.

    Args:
        quiet_seconds: how long a message of the same form is held back.
        quiet_seconds_of_retries: the same, of messages that say "retrying".
    """

    def __init__(self, quiet_seconds: float = 10.0, quiet_seconds_of_retries: float = 600.0) -> None:
        super().__init__()
        self._quiet_seconds = quiet_seconds
        self._quiet_seconds_of_retries = quiet_seconds_of_retries
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record through."""
        if not record.name.startswith("aiokafka"):
            return True
        place = record.pathname, record.lineno  # bounded by the number of log calls there are
        quiet = self._quiet_seconds_of_retries if "retrying" in str(record.msg) else self._quiet_seconds
        if record.created - self._said.get(place, 0.0) < quiet:
            return False
        self._said[place] = record.created
        return True


class Retried(logging.Filter):
    """Makes warnings of what the client reports as errors and tries again by itself.

    A worker that meets a new cluster asks for the group's coordinator before there is one, and goes on a moment later:
    no ERROR for whoever watches the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, some at a lower level."""
        if record.name.startswith("aiokafka") and record.levelno == logging.ERROR:
            causes = record.args if isinstance(record.args, tuple) else ()
            if any(getattr(cause, "retriable", False) for cause in causes):
                record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


class ClientLeftovers(logging.Filter):
    """Keeps asyncio quiet about what the client leaves lying about.

    aiokafka gives every batch several futures and fails all of them together; one of them was awaited, and what
    it raised is logged or ends the program. The others go unasked, and asyncio would print a traceback for each
    when the collector finds it, minutes after a worker was fenced. The same goes for the flush that a producer
    begins while it closes and never ends when its brokers are away.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record through."""
        if record.name != "asyncio":
            return True
        message = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        unasked = message.startswith("Future exception was never retrieved")
        unended = message.startswith("Task was destroyed but it is pending!")
        return not (
            (unasked and type(error).__module__.startswith("aiokafka"))
            or (unended and "MessageAccumulator.close()" in message)
        )


def configure_logging(settings: Settings) -> None:
    """Send everything to stderr in the configured form."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    handler.addFilter(SaidRecently())
    handler.addFilter(Retried())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # The client's own INFO lines are about its inner life; its warnings are kept.
    if settings.log_level != "DEBUG":
        handler.addFilter(ClientLeftovers())
        logging.getLogger("aiokafka").setLevel(logging.WARNING)


def quiet_client(settings: Settings) -> None:
    """Silence the client's own complaints, several a second: our errors say the same once."""
    if settings.log_level != "DEBUG":
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
