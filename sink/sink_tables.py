"""The sink's tables: their columns, and the statements that bring a schema from one version to the next.

A row is named by the place of its record: topic (with the cluster and the broker's id of the topic), partition, offset.
The version of a schema is the number of steps that were applied to it. A step that was released never changes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table that records are copied into.

    Attributes:
        name: its name.
        columns: name and type of each column, in the order in which rows give their values.
    """

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(name for name, _ in self.columns)


_PLACE = (
    ("topic_key", "integer"),
    ("kafka_partition", "integer"),
    ("kafka_offset", "bigint"),
    ("published_at", "timestamp with time zone"),
)
_SOURCE = (
    ("source_topic", "text"),
    ("source_topic_id", "text"),
    ("source_partition", "integer"),
    ("source_offset", "bigint"),
)
_NUMBER = "double precision"

PREDICTIONS = Table(
    "predictions",
    (
        *_PLACE,
        ("message_id", "text"),
        ("pair", "text"),
        ("as_of", "text"),
        ("rate_time", "timestamp with time zone"),
        ("target", "date"),
        ("prediction", _NUMBER),
        ("baseline", _NUMBER),
        ("lower_80", _NUMBER),
        ("upper_80", _NUMBER),
        ("lower_95", _NUMBER),
        ("upper_95", _NUMBER),
        ("interval_quality", "text"),
        ("lag_1", _NUMBER),
        ("lag_2", _NUMBER),
        ("lag_3", _NUMBER),
        ("return_1", _NUMBER),
        ("return_2", _NUMBER),
        ("is_drift", "boolean"),
        ("drift_features", "text[]"),
        ("drift_scores", "jsonb"),
        ("alerts", "text[]"),
        ("alert_messages", "jsonb"),
        ("horizons", "jsonb"),
        ("quantiles", "jsonb"),
        ("model_version", "text"),
        ("scored_at", "timestamp with time zone"),
        *_SOURCE,
    ),
)
DEAD_LETTERS = Table(
    "dead_letters",
    (
        *_PLACE,
        ("code", "text"),
        ("message", "text"),
        ("pair", "text"),
        ("key", "bytea"),
        ("value", "bytea"),
        ("value_bytes", "bigint"),
        ("headers", "jsonb"),
        ("hops", "integer"),
        ("source_time", "timestamp with time zone"),
        *_SOURCE,
    ),
)
REJECTED = Table(
    "rejected_records",
    (
        *_PLACE,
        ("reason", "text"),
        ("key", "bytea"),
        ("value", "bytea"),
        ("value_bytes", "bigint"),
    ),
)
COPIED = (PREDICTIONS, DEAD_LETTERS, REJECTED)

VERSIONS = Table(
    "schema_versions",
    (("version", "integer"), ("applied_at", "timestamp with time zone"), ("program", "text")),
)
TOPICS = Table(
    "topics",
    (
        ("topic_key", "integer"),
        ("cluster_id", "text"),
        ("topic", "text"),
        ("topic_id", "text"),
        ("first_read_at", "timestamp with time zone"),
    ),
)
OFFSETS = Table(
    "offsets",
    (
        ("topic_key", "integer"),
        ("kafka_partition", "integer"),
        ("next_offset", "bigint"),
        ("removed_records", "bigint"),
        ("updated_at", "timestamp with time zone"),
    ),
)
ALL = (VERSIONS, TOPICS, OFFSETS, *COPIED)

# {schema} is the schema's quoted name; {key} are the columns of a row's place. A hypertable needs its time among them.
PLACE_KEY = "topic_key, kafka_partition, kafka_offset"
TIMED_PLACE_KEY = f"{PLACE_KEY}, published_at"

_REQUIRED = {
    PREDICTIONS.name: {
        *(
            "topic_key",
            "kafka_partition",
            "kafka_offset",
            "published_at",
            "message_id",
            "pair",
            "prediction",
            "baseline",
        ),
        *("lower_80", "upper_80", "lower_95", "upper_95", "scored_at", "source_topic", "source_offset"),
    },
    DEAD_LETTERS.name: {
        "topic_key",
        "kafka_partition",
        "kafka_offset",
        "published_at",
        "source_topic",
        "source_offset",
    },
    REJECTED.name: {"topic_key", "kafka_partition", "kafka_offset", "reason"},
}


def _creation(table: Table) -> str:
    required = _REQUIRED[table.name]
    lines = [f"    {name} {kind}{' NOT NULL' if name in required else ''}" for name, kind in table.columns]
    body = ",\n".join([*lines, "    FOREIGN KEY (topic_key) REFERENCES {schema}.topics"])
    return f"CREATE TABLE {{schema}}.{table.name} (\n{body}\n)"


# Each step is a list of statements. A new version of the schema is a new step at the end.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE {schema}.topics (
    topic_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id text NOT NULL,
    topic text NOT NULL,
    topic_id text NOT NULL,
    first_read_at timestamp with time zone NOT NULL DEFAULT now(),
    UNIQUE (cluster_id, topic, topic_id)
)""",
        """CREATE TABLE {schema}.offsets (
    topic_key integer NOT NULL REFERENCES {schema}.topics,
    kafka_partition integer NOT NULL,
    next_offset bigint NOT NULL,
    removed_records bigint NOT NULL DEFAULT 0,
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    PRIMARY KEY (topic_key, kafka_partition)
)""",
        *(_creation(table) for table in COPIED),
        "ALTER TABLE {schema}.predictions ADD PRIMARY KEY ({key})",
        "ALTER TABLE {schema}.dead_letters ADD PRIMARY KEY ({key})",
        f"ALTER TABLE {{schema}}.rejected_records ADD PRIMARY KEY ({PLACE_KEY})",
        "CREATE INDEX predictions_pair_time ON {schema}.predictions (pair, rate_time)",
        (
            "CREATE INDEX predictions_source ON {schema}.predictions "
            "(source_topic_id, source_topic, source_partition, source_offset)"
        ),
        "CREATE INDEX dead_letters_pair_time ON {schema}.dead_letters (pair, published_at)",
        (
            "CREATE INDEX dead_letters_source ON {schema}.dead_letters "
            "(source_topic_id, source_topic, source_partition, source_offset)"
        ),
        (
            "COMMENT ON TABLE {schema}.predictions IS "
            "'One row for each prediction on the topic. Written by ratecast sink postgres.'"
        ),
        (
            "COMMENT ON TABLE {schema}.dead_letters IS "
            "'One row for each dead letter on the topic. Written by ratecast sink postgres.'"
        ),
        (
            "COMMENT ON TABLE {schema}.rejected_records IS "
            "'Records on these topics that are neither a prediction nor a dead letter, and why.'"
        ),
        (
            "COMMENT ON TABLE {schema}.offsets IS "
            "'How far each partition is in these tables. Written in the same transaction as the rows.'"
        ),
    ),
)
# Applied with the first step where the extension TimescaleDB is installed in the database.
HYPERTABLES = tuple(
    f"SELECT {{timescale}}.create_hypertable('{{schema}}.{table.name}'::regclass, 'published_at')"
    for table in (PREDICTIONS, DEAD_LETTERS)
)
