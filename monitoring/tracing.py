"""Spans of batches: what a worker's pipelines know of tracing, without OpenTelemetry."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from ratecast.contract.record import Record
    from ratecast.contract.trace_context import TraceContext
    from ratecast.scoring.scored_batch import ScoredBatch

_NO_SPAN: AbstractContextManager[TraceContext | None] = nullcontext(None)


class Tracing:
    """Makes no spans. `monitoring.otlp_tracing.OtlpTracing` makes them."""

    def batch(
        self,
        records: Sequence[Record],  # noqa: ARG002 - for those that make spans
        batch: ScoredBatch,  # noqa: ARG002
        started: float,  # noqa: ARG002
    ) -> AbstractContextManager[TraceContext | None]:
        """Return the span of a batch. It ends with the context, and it fails if the context raises.

        Args:
            records: The records that were polled, at least one.
            batch: Their outcomes.
            started: When they were polled, by `time.perf_counter`.

        Returns:
            A context manager. It gives what outcomes, logs and exemplars say of the span; None if there is no span.
        """
        return _NO_SPAN

    async def close(self) -> None:
        """Send the spans that wait. A collector that does not answer delays this by two seconds at most."""
