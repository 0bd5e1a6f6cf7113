"""Says when a collector stops taking spans, and when it takes them again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)


class SpanDelivery(SpanExporter):
    """Passes spans on to an exporter, and logs one line when that begins to fail and one when it works again.

    Spans that a collector does not take are dropped. Nothing else waits for them: the exporter has a thread of its own.

    Args:
        exporter: Sends the spans.
        endpoint: Where to, for the log. A user name and a password in it are not logged.
    """

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._place = _without_credentials(endpoint)
        self._dropped = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            if not self._dropped:
                log.warning(
                    "%s does not accept spans: they are dropped until it does, and messages are processed as before. Start a "
                    "collector there, correct OTEL_EXPORTER_OTLP_ENDPOINT, or set RATECAST_TRACING=off",
                    self._place,
                )
            self._dropped += len(spans)
        elif self._dropped:
            log.info("%s accepts spans again, %d were dropped", self._place, self._dropped)
            self._dropped = 0
        return result

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()


def _without_credentials(endpoint: str) -> str:
    """Return an address without a user name, a password and a query.

    >>> _without_credentials("https://me:secret@collector.example:4318/v1/traces?key=secret")
    'https://collector.example:4318/v1/traces'
    """
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
