"""The model page's panels on the models in use: which one, since when, and how old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import DAY, OLD
from monitoring.grafana.panels import about, bars, by_worker, lines, query, third, with_lines_at
from monitoring.grafana.promql import CLUSTER, increase, select
from monitoring.grafana.table_panels import rows

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

    from monitoring.grafana.panels import Row


def models_in_use() -> Builder[Panel]:
    """Returns the table of the model of each worker."""
    loaded = select("model_loaded_timestamp_seconds")
    expr = (
        f"max by (version, trained_until, runtime, instance) "
        f"({loaded} * on (cluster, job, instance) group_right () {select('model_info')}) * 1000"
    )
    return rows(
        "Models in use",
        about(
            "The model of each worker, the last day of its training, and since when it is in use. Purple marks on all "
            "graphs show when a new version appeared.",
            "One version on all workers.",
            "A worker with another version has rejected the new model or cannot see it. Its /ready page shows the reason.",
        ),
        "dateTimeAsIso",
        expr,
        ("version", "trained_until", "runtime", "instance"),
        value="in use since",
    ).height(6)


def reloads_and_age() -> Row:
    """Returns models loaded or rejected, the time in use, and the age of the training data."""
    return [
        bars(
            "Model reloads",
            about(
                "New models that running workers loaded or rejected (outcome refused).",
                "One loaded by each worker when a new model is put into use.",
                "A rejected bundle failed its checksums or its comparison with scikit-learn. Copy or train it again.",
            ),
            "short",
            query(increase("model_reloads_total", by="outcome"), "{{outcome}}"),
        ).span(8),
        by_worker(
            "Time since the model was loaded",
            about(
                "How long each worker has used its model. It returns to 0 when a new model is loaded.",
                "Equal for all workers, and less for a worker that started later.",
                "A worker that keeps returning to 0 restarts again and again. See its log.",
            ),
            "s",
            f"time() - {select('model_loaded_timestamp_seconds')}",
        ),
        with_lines_at(
            third(
                lines(
                    "Time since the last training day",
                    about(
                        "Time from the newest rate in the training data until now, for each worker. The other line ends at "
                        "the newest scored rate. The alert uses that line, so that a replay is measured by its own dates.",
                        f"Under the dashed line at {OLD / DAY:g} days.",
                        "Older models see more and more messages outside the range of training. Run `ratecast retrain`.",
                    ),
                    "s",
                    query(select("ratecast:model_age_seconds", CLUSTER), "until the newest scored rate"),
                    query(
                        f"time() - {select('model_trained_until_timestamp_seconds')}",
                        "until now, {{instance}}",
                    ),
                )
            ),
            ("red", OLD),
        ),
    ]
