"""Tracing as the settings ask for it. OpenTelemetry is imported here, and only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.tracing import Tracing
from ratecast.errors import UsageError

if TYPE_CHECKING:
    from ratecast.settings import Settings


def tracing_for(settings: Settings) -> Tracing:
    """Return what makes the spans of a worker.

    Raises:
        UsageError: The extra ``tracing`` is not installed, or one of OpenTelemetry's variables is wrong.
    """
    if settings.tracing == "off":
        return Tracing()
    try:
        from monitoring.otlp_tracing import OtlpTracing
    except ModuleNotFoundError as error:
        raise UsageError(
            f"RATECAST_TRACING={settings.tracing} needs the extra `tracing` ({error.name} is not installed): "
            "pip install 'ratecast[tracing]', or set RATECAST_TRACING=off"
        ) from None
    return OtlpTracing.from_environment(settings.group_id)
