"""Settings from environment variables ``RATECAST_*`` and command options, read once and then frozen."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from ratecast.errors import UsageError
from ratecast.feed_settings import FeedSettings
from ratecast.field_faults import first_fault, predicate, shown
from ratecast.group_settings import GroupSettings
from ratecast.model_settings import ModelSettings
from ratecast.optional_fields import OptionalFields, parse_horizons, parse_quantiles
from ratecast.rates_settings import RatesSettings
from ratecast.secret_files import secrets_from_files
from ratecast.security_settings import SecuritySettings
from ratecast.sink_settings import SinkSettings
from ratecast.tracing_settings import TracingSettings
from ratecast.web_settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX = "RATECAST_"
_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
# Each of these can also be given as a file, by a setting with `_file` after the name.
SECRETS = ("sasl_password", "ssl_password", "oauth_client_secret", "web_token", "postgres_dsn", "models_url")
# Variables with the prefix of settings that are no settings.
_OTHERS = (
    f"{ENV_PREFIX}TEST_",  # where the test suite finds its brokers
    f"{ENV_PREFIX}CHAOS_",  # which guarantee the workers of the chaos suite break
)
# Kubernetes sets these in every pod, for each Service of the namespace whose name begins with "ratecast".
_SERVICE = re.compile(
    rf"{ENV_PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")  # value of a Service's variable ..._PORT


class Settings(
    SecuritySettings,
    WebSettings,
    SinkSettings,
    FeedSettings,
    RatesSettings,
    ModelSettings,
    TracingSettings,
    GroupSettings,
):
    """Every setting of every program; each is also documented for users, and a test compares the two."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers to connect to, as `host:port` separated by commas."
    )
    input_topic: str = Field("rate-histories", description="Topic with the histories to score.")
    output_topic: str = Field("rate-predictions", description="Topic for the predictions.")
    dead_letter_topic: str = Field(
        "rate-dead-letters", description="Topic for the records that cannot be scored."
    )
    group_id: str = Field(
        "ratecast-workers",
        description="Consumer group of the workers. Workers with the same group share the partitions.",
    )
    models_dir: Path = Field(Path("models"), description="Directory of the model bundles.")
    http_host: str = Field(
        "127.0.0.1",
        description="Address on which the worker serves `/metrics`, `/health` and `/ready`. `0.0.0.0` serves them on all "
        "network interfaces.",
    )
    http_port: int = Field(
        8000, ge=0, le=65535, description="Port of the worker's HTTP server. 0 picks a free port."
    )

    guarantee: Literal["exactly-once", "at-least-once"] = Field(
        "exactly-once",
        description="How often each message is scored. `exactly-once` commits predictions and offsets in one "
        "transaction. `at-least-once` may repeat predictions after a failure; it is for brokers without transactions.",
    )
    topic_partitions: int = Field(
        4, ge=1, le=10_000, description="Number of partitions of each topic that ratecast creates."
    )
    topic_replication_factor: int = Field(
        1, ge=1, description="Number of replicas of each topic that ratecast creates."
    )
    topic_max_message_bytes: int = Field(
        4 * 2**20,
        ge=2**16,
        description="Largest record batch (`max.message.bytes`) of an input topic that ratecast creates. The dead-letter "
        "topic accepts larger ones.",
    )
    connect_timeout_seconds: float = Field(
        60.0,
        gt=0,
        description="How long to try to reach a broker at start before exiting with code 1.",
    )
    max_poll_records: int = Field(
        2000, ge=1, le=100_000, description="Largest number of records that a worker scores in one batch."
    )
    max_partition_fetch_bytes: int = Field(
        2**21, ge=2**10, description="How many bytes a worker fetches ahead for each partition at most."
    )
    publish_batch_bytes: int = Field(
        2**19,
        ge=2**12,
        description="Largest batch of records that a worker publishes, in bytes. Keep it below `max.message.bytes` of the "
        "topics.",
    )
    max_message_bytes: int = Field(
        1_000_000,
        ge=2**10,
        description="Largest value that a worker reads. Records with a longer value, or with a key and headers longer "
        "than this, become dead letters with the code `too_large`.",
    )
    session_timeout_ms: int = Field(
        10_000, ge=1_000, description="How long without a heartbeat before the group removes a worker."
    )
    transaction_timeout_ms: int = Field(
        60_000, ge=1_000, description="How long a transaction may stay open before the broker aborts it."
    )
    give_up_seconds: float = Field(
        120.0,
        gt=0,
        description="How long to retry a failing batch or an unreachable broker before exiting with code 1.",
    )
    scoring_failures_in_a_row: int = Field(
        20,
        ge=1,
        le=200,
        description="The worker exits with code 1 when scoring fails unexpectedly for this many records in a row. Records "
        "of a shorter series of failures become dead letters.",
    )
    scoring_failures_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="The worker exits with code 1 when scoring fails unexpectedly for more than this share of the last "
        "200 records of a partition.",
    )
    model_check_seconds: float = Field(
        5.0,
        gt=0,
        description="How often a worker checks whether `models/current` or `models/shadow` names another model.",
    )
    drift_std_threshold: float | None = Field(
        None,
        gt=0,
        description="A feature drifts when it is more than this many standard deviations from its training mean. Without "
        "it the model bundle's threshold applies, usually 3.",
    )
    horizons: str = Field(
        "none",
        description="Steps ahead for which each prediction has ranges too, in the field `horizons`: some of 2, 5, 10 and "
        "21, separated by commas, or `all`.",
    )
    quantiles: str = Field(
        "none",
        description="Quantiles of the next rate that each prediction has in the field `quantiles`, in percent: some of 1, "
        "2.5, 5, 10, 25, 50, 75, 90, 95, 97.5 and 99, separated by commas, or `all`.",
    )
    rate_metrics: bool = Field(
        True,  # noqa: FBT003 - a default
        description="Expose each pair's newest rate and its range as metrics. `false` saves five series a pair.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )
    log_format: Literal["auto", "text", "json"] = Field(
        "auto",
        description="Format of log lines: text for people, JSON for log collectors. `auto` is text on a terminal and JSON "
        "elsewhere.",
    )

    @model_validator(mode="before")
    @classmethod
    def _secrets_come_from_files(cls, values: dict[str, object]) -> dict[str, object]:
        return secrets_from_files(values, SECRETS, ENV_PREFIX)

    @field_validator("bootstrap_servers")
    @classmethod
    def _brokers_have_addresses(cls, text: str) -> str:
        for broker in text.split(","):
            found = _BROKER.fullmatch(broker.strip())
            if found is None or not 1 <= int(found["port"] or 9092) <= 65535:
                raise ValueError(f"must be host:port addresses separated by commas, got {shown(broker)}")
        return text

    @field_validator("horizons", "quantiles")
    @classmethod
    def _optional_fields_are_known(cls, text: str, info: ValidationInfo) -> str:
        (parse_horizons if info.field_name == "horizons" else parse_quantiles)(text)
        return text

    @property
    def optional_fields(self) -> OptionalFields:
        """What predictions have besides the next rate and its ranges."""
        return OptionalFields(parse_horizons(self.horizons), parse_quantiles(self.quantiles))

    @model_validator(mode="after")
    def _topics_differ(self) -> Settings:
        # A worker that reads the dead-letter topic would turn each dead letter into a new one, without end.
        topics = (self.input_topic, self.output_topic, self.dead_letter_topic)
        if len(set(topics)) < len(topics):
            raise ValueError(
                "RATECAST_INPUT_TOPIC, RATECAST_OUTPUT_TOPIC and RATECAST_DEAD_LETTER_TOPIC must be three different "
                f"topics, got {', '.join(topics)}"
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; overrides that are not None take precedence.

    Raises:
        UsageError: a variable is unknown or empty, or a value is not valid. The message names it and what it must be.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    check_environment(given)
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        fault = first_fault(error)
        if not fault["loc"]:
            raise UsageError(predicate(fault)) from None
        name = str(fault["loc"][0])
        label = f"--{name.replace('_', '-')}" if name in given else f"{ENV_PREFIX}{name.upper()}"
        raise UsageError(f"{label} {predicate(fault)}") from None


def check_environment(overridden: Mapping[str, object] | None = None) -> None:
    """Check that every ``RATECAST_*`` variable is a setting and has a value.

    A misspelt setting would silently leave the default in force. An empty one would become the directory "." or a group
    without a name. Upper and lower case are the same, as for pydantic-settings and on Windows.

    Args:
        overridden: settings given as options; their variables are not checked for a value.

    Raises:
        UsageError: a variable is unknown or empty. The message names it and says what to do.
    """
    for variable, value in sorted(os.environ.items()):
        name = variable.upper()
        if not name.startswith(ENV_PREFIX) or _is_no_setting(name, value):
            continue
        setting = name.removeprefix(ENV_PREFIX).lower()
        if setting not in Settings.model_fields:
            raise UsageError(f"{variable} is not a setting{_suggestion(setting)}")
        if not value.strip() and setting not in (overridden or {}):
            default = Settings.model_fields[setting].default
            result = "" if default is None else f" to use the default, {default}"
            raise UsageError(f"{variable} is empty: give it a value, or unset it{result}")


def _is_no_setting(name: str, value: str) -> bool:
    is_address = name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value) is not None
    is_setting = name.removeprefix(ENV_PREFIX).lower() in Settings.model_fields
    return name.startswith(_OTHERS) or (not is_setting and (is_address or bool(_SERVICE.fullmatch(name))))


def _suggestion(setting: str) -> str:
    # Compare without the prefix: all settings share it, so with it every name would look similar.
    near = difflib.get_close_matches(setting, Settings.model_fields, n=1)
    return (
        f": did you mean {ENV_PREFIX}{near[0].upper()}?" if near else "; the documentation lists all settings"
    )
