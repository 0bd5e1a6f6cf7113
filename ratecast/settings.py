"""Settings: environment variables ``RATECAST_*``, overridden by command options; read once, frozen."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX = "RATECAST_"
_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
# Variables that begin as settings do and are none.
_OTHERS = (
    f"{ENV_PREFIX}TEST_",  # where the test suite finds its brokers
    f"{ENV_PREFIX}CHAOS_",  # which guarantee the chaos suite has its workers break
)
# Kubernetes sets these in every pod, for each Service of the namespace whose name begins with "ratecast".
_SERVICE = re.compile(
    rf"{ENV_PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")  # value of such a Service's variable ..._PORT


class Settings(BaseSettings):
    """Every setting of every program. The README's table is held to this class by a test."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    bootstrap_servers: str = Field("127.0.0.1:9092", description="Brokers, `host:port`, comma-separated.")
    input_topic: str = Field("rate-histories", description="Topic of the histories to score.")
    output_topic: str = Field("rate-predictions", description="Topic of the predictions.")
    dead_letter_topic: str = Field("rate-dead-letters", description="Topic of what could not be scored.")
    group_id: str = Field("ratecast-workers", description="The workers' consumer group.")
    models_dir: Path = Field(Path("models"), description="Where model bundles are kept.")
    http_host: str = Field(
        "127.0.0.1", description="Address of the worker's `/metrics`, `/health`, `/ready`."
    )
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the same; 0 takes a free one.")

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism, with a SASL protocol."
    )
    sasl_username: str | None = Field(None, description="SASL user.")
    sasl_password: SecretStr | None = Field(None, description="SASL password.")
    ssl_cafile: Path | None = Field(None, description="CA certificates; the system's when unset.")
    ssl_certfile: Path | None = Field(None, description="Client certificate.")
    ssl_keyfile: Path | None = Field(None, description="Client key.")
    ssl_password: SecretStr | None = Field(None, description="Password of the client key.")
    ssl_check_hostname: bool = Field(
        default=True, description="Check the broker's name against its certificate."
    )

    guarantee: Literal["exactly-once", "at-least-once"] = Field(
        "exactly-once", description="`at-least-once` is for brokers without transactions."
    )
    topic_partitions: int = Field(4, ge=1, le=10_000, description="Partitions of topics that are created.")
    topic_replication_factor: int = Field(1, ge=1, description="Replicas of topics that are created.")
    topic_max_message_bytes: int = Field(
        4 * 2**20,
        ge=2**16,
        description="`max.message.bytes` of an input topic that is created; its dead-letter topic takes more.",
    )
    connect_timeout_seconds: float = Field(
        60.0, gt=0, description="How long to try for a broker at start before giving up with exit code 1."
    )
    max_poll_records: int = Field(1000, ge=1, le=100_000, description="Most records scored in one batch.")
    max_partition_fetch_bytes: int = Field(
        2**20, ge=2**10, description="Most bytes prefetched for one partition."
    )
    publish_batch_bytes: int = Field(
        2**19,
        ge=2**12,
        description="Most bytes in one published batch; below the topics' `max.message.bytes`.",
    )
    max_message_bytes: int = Field(
        1_000_000,
        ge=2**10,
        description="Longer values are dead-lettered as `too_large`, unread; so are longer keys and headers.",
    )
    session_timeout_ms: int = Field(10_000, ge=1_000, description="Silence after which a worker is out.")
    transaction_timeout_ms: int = Field(
        60_000, ge=1_000, description="Age at which the broker aborts an open transaction."
    )
    give_up_seconds: float = Field(
        120.0, gt=0, description="How long a failing batch or an absent broker is borne before exit code 1."
    )
    scoring_failures_in_a_row: int = Field(
        20,
        ge=1,
        le=200,
        description="Stop with exit code 1 when scoring fails unexpectedly for this many records in a row; fewer become "
        "dead letters.",
    )
    scoring_failures_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Stop likewise when it fails for more than this share of a partition's last 200 records.",
    )
    model_check_seconds: float = Field(
        5.0, gt=0, description="How often a worker looks whether `models/current` names another model."
    )
    drift_std_threshold: float | None = Field(
        None, gt=0, description="Drift beyond this many std; the model bundle's (3) when unset."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text or as JSON.")

    @field_validator("bootstrap_servers")
    @classmethod
    def _brokers_have_addresses(cls, text: str) -> str:
        for broker in text.split(","):
            found = _BROKER.fullmatch(broker.strip())
            if found is None or not 1 <= int(found["port"] or 9092) <= 65535:
                raise ValueError(f"{broker!r} is not an address: give host:port, several with commas between")
        return text

    @model_validator(mode="after")
    def _topics_differ(self) -> Settings:
        # A worker that read its own dead letters would make new ones of them, without end.
        topics = (self.input_topic, self.output_topic, self.dead_letter_topic)
        if len(set(topics)) < len(topics):
            raise ValueError(
                "input, output and dead-letter topic must be three (RATECAST_INPUT_TOPIC, _OUTPUT_TOPIC, "
                f"_DEAD_LETTER_TOPIC), got {', '.join(topics)}"
            )
        return self

    @model_validator(mode="after")
    def _credentials_go_with_sasl(self) -> Settings:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security protocol {self.security_protocol} needs a SASL user and password")
        return self

    @model_validator(mode="after")
    def _a_client_key_goes_with_its_certificate(self) -> Settings:
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError(
                "RATECAST_SSL_KEYFILE is a client certificate's key: set RATECAST_SSL_CERTFILE too"
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment; overrides that are not None win.

    Raises:
        UsageError: a variable is unknown or empty, or a value is not valid; the message names it and the fault.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    check_environment(given)
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        fault = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise UsageError(fault) from None
        name = str(first["loc"][0])
        option = f"--{name.replace('_', '-')}"
        label = option if name in given else f"{ENV_PREFIX}{name.upper()}"
        raise UsageError(f"{label}: {fault} (got {first['input']!r})") from None


def check_environment(overridden: Mapping[str, object] | None = None) -> None:
    """Refuse variables that nobody would read, or that would be read as an empty text.

    A misspelt setting would silently leave the default in force. An empty one would be a directory "." or a group
    without a name. Names count in any case, as pydantic-settings reads them and as Windows keeps them.

    Args:
        overridden: settings given as options, whose variables do not count.

    Raises:
        UsageError: a variable is unknown or empty; the message names it and what to do.
    """
    for variable, value in sorted(os.environ.items()):
        name = variable.upper()
        if not name.startswith(ENV_PREFIX) or _is_of_others(name, value):
            continue
        setting = name.removeprefix(ENV_PREFIX).lower()
        if setting not in Settings.model_fields:
            raise UsageError(f"{variable} is not a setting{_suggestion(setting)}")
        if not value.strip() and setting not in (overridden or {}):
            default = Settings.model_fields[setting].default
            instead = "" if default is None else f", {default},"
            raise UsageError(f"{variable} is empty: unset it for the default{instead} or give it a value")


def _is_of_others(name: str, value: str) -> bool:
    is_address = name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value) is not None
    is_setting = name.removeprefix(ENV_PREFIX).lower() in Settings.model_fields
    return name.startswith(_OTHERS) or (not is_setting and (is_address or bool(_SERVICE.fullmatch(name))))


def _suggestion(setting: str) -> str:
    # Without the prefix, which all have: with it everything would look alike.
    near = difflib.get_close_matches(setting, Settings.model_fields, n=1)
    return f": did you mean {ENV_PREFIX}{near[0].upper()}?" if near else "; the README lists all of them"
