"""What a feed polls: a source of published rates, and what one poll of it brings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import datetime as dt

    from ratecast.rates.tables import RateTable


class Reason(StrEnum):
    """Why something that a source sent was not taken; a closed set, the label of a metric."""

    ERROR_PAGE = "error_page"  # HTML or a status where rates should be
    EMPTY = "empty"  # nothing at all
    TRUNCATED = "truncated"  # a zip, an XML document or a body that ends too early
    MALFORMED = "malformed"  # not the format of the source
    WRONG_BASE = "wrong_base"  # rates of another base currency than the one asked for
    INVALID_RATE = "invalid_rate"  # no positive finite number
    INVALID_DAY = "invalid_day"  # no date
    FUTURE_DAY = "future_day"  # dated later than the source can publish by now
    CLOSED_DAY = "closed_day"  # dated on a day on which the source publishes nothing
    TWICE = "twice"  # the same pair and day again, with another rate
    SCREENED = "screened"  # a rate that looks like a fault beside the rates before it
    TOO_LARGE = "too_large"  # a body beyond the limit


class Refusal(NamedTuple):
    """Something that was not taken. One rate or row never takes others with it."""

    reason: Reason
    detail: str  # one line: what, where, and what is wrong with it


@dataclass(frozen=True)
class Answer:
    """What one poll brought.

    Attributes:
        table: the rates, in units of the quoted currency for one of the base; None if nothing changed since the poll before.
        refusals: what was not taken.
    """

    table: RateTable | None
    refusals: tuple[Refusal, ...] = ()


class SourceUnavailableError(Exception):
    """A poll failed and may succeed later.

    Attributes:
        outcome: short word for the metric, such as ``timeout``, ``refused``, ``status_503``.
        retry_after_seconds: how long the source asked to wait; None if it did not.
    """

    def __init__(self, message: str, outcome: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.retry_after_seconds = retry_after_seconds


class Source(Protocol):
    """A source of rates. An instance remembers what it has read, so that an unchanged answer costs little."""

    @property
    def name(self) -> str:
        """Word for the source in logs and metrics: ``ecb``, ``frankfurter``, ``bank-of-england``, ``csv``."""

    @property
    def address(self) -> str:
        """The URL or path that is polled, without credentials."""

    async def poll(self, since: dt.date | None, today: dt.date) -> Answer:
        """Read the rates from ``since`` on.

        Args:
            since: the first day that is wanted; a source may bring earlier ones. None for everything it has.
            today: the day in the source's time zone, which decides what lies in the future.

        Raises:
            SourceUnavailableError: nothing could be read; the message is one line with cause and remedy.
            UsageError: it can never be read: no such pair, or a file that is no CSV of rates.
        """

    async def close(self) -> None:
        """Close connections."""
