"""The settings of tracing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class TracingSettings(BaseSettings):
    """The part of `ratecast.settings.Settings` that says whether workers make spans."""

    tracing: Literal["off", "otlp"] = Field(
        "off",
        description="Whether a worker makes a span of each batch. `otlp` sends them to an OpenTelemetry collector and puts the "
        "span into the header `traceparent` of predictions. `OTEL_EXPORTER_OTLP_ENDPOINT` is the collector's address, "
        "`http://localhost:4318` by default.",
    )
