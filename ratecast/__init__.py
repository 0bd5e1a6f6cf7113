"""The parts that all ratecast programs share.

`load` asks a model for forecasts without Kafka. `read_predictions` and `read_dead_letters` read topics into tables.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ratecast.release import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping

    from ratecast.ask.forecast_model import ForecastModel
    from ratecast.data.data_libraries import Kind
    from ratecast.data.time_span import Moment

__all__ = ["__version__", "load", "read_dead_letters", "read_predictions"]


def load(models_dir: str | os.PathLike[str] = "models", version: str | None = None) -> ForecastModel:
    """Load a trained model, to ask it for forecasts from rates in memory; no broker is needed.

    Args:
        models_dir: directory of the models, as ``ratecast train --models-dir`` wrote it.
        version: version of the model; the current one if None.

    Raises:
        ModelBundleError: there is no such model, its files are damaged, or ``RATECAST_MODEL_KEY`` is set and the model is
            not signed with that key.

    Example: ``ratecast.load("models").forecast({"EUR/GBP": [0.8712, 0.8719, 0.8676]})["EUR/GBP"].range_95``
    """
    from ratecast.ask.forecast_model import load_model  # imports numpy, which `import ratecast` must not do

    return load_model(models_dir, version)


def read_predictions(  # noqa: PLR0913 - all are optional, and by name
    *,
    to: Kind = "pandas",
    since: Moment | None = None,
    until: Moment | None = None,
    pairs: Collection[str] | None = None,
    first_offsets: Mapping[int, int] | None = None,
    end_offsets: Mapping[int, int] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
    **settings: object,
) -> Any:
    """Read predictions from Kafka into a data frame, up to the end that the topic has now. It joins no consumer group.

    A plain function, also in a notebook, where an event loop runs already. Only committed records are read. A record that
    is no prediction is left out; one warning counts them and names the first. ``docs/how-to/data.md`` lists the columns.

    Args:
        to: ``pandas``, ``polars`` or ``arrow``.
        since: leave out records that the broker got before this time: a datetime (UTC if it has no zone), an ISO text, or
            an age such as ``7d`` or a timedelta.
        until: leave out records from this time on.
        pairs: only these pairs, like ``["EUR/USD"]``.
        first_offsets: where to begin, by partition: ``{0: 1200}``. The others begin at their beginning.
        end_offsets: where to stop, by partition: the offset after the last one.
        on_progress: called with the offsets read so far and all offsets to read.
        settings: settings by name, like ``bootstrap_servers="kafka:9092"``. The others are read from ``RATECAST_*``.

    Raises:
        UsageError: an argument is wrong, or a library is missing.
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist or cannot be read.

    Example: ``ratecast.read_predictions(since="7d", pairs=["EUR/USD"])[["target_day", "forecast_rate"]]``
    """
    return _topic_tables().read_table(
        dead_letters=False,
        to=to,
        since=since,
        until=until,
        pairs=pairs,
        first_offsets=first_offsets,
        end_offsets=end_offsets,
        on_progress=on_progress,
        settings=settings,
    )


def read_dead_letters(  # noqa: PLR0913 - as above
    *,
    to: Kind = "pandas",
    since: Moment | None = None,
    until: Moment | None = None,
    pairs: Collection[str] | None = None,
    first_offsets: Mapping[int, int] | None = None,
    end_offsets: Mapping[int, int] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
    **settings: object,
) -> Any:
    """Read dead letters from Kafka into a data frame; otherwise like `read_predictions`.

    ``pairs`` compares the key of the record, which is a pair if the publisher gave it one.
    """
    return _topic_tables().read_table(
        dead_letters=True,
        to=to,
        since=since,
        until=until,
        pairs=pairs,
        first_offsets=first_offsets,
        end_offsets=end_offsets,
        on_progress=on_progress,
        settings=settings,
    )


def _topic_tables() -> Any:
    # No import statement: every package imports this module for the version, and the pure ones must not know Kafka.
    return importlib.import_module("ratecast.data.topic_tables")
