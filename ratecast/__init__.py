"""The parts that all ratecast programs share, and `load`, which asks a model for forecasts without Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.release import __version__

if TYPE_CHECKING:
    import os

    from ratecast.ask.forecast_model import ForecastModel

__all__ = ["__version__", "load"]


def load(models_dir: str | os.PathLike[str] = "models", version: str | None = None) -> ForecastModel:
    """Load a trained model, to ask it for forecasts from rates in memory; no broker is needed.

    Args:
        models_dir: directory of the models, as ``ratecast train --models-dir`` wrote it.
        version: version of the model; the current one if None.

    Raises:
        ModelBundleError: there is no such model, or its files are damaged.

    Example: ``ratecast.load("models").forecast({"EUR/GBP": [0.8712, 0.8719, 0.8676]})["EUR/GBP"].range_95``
    """
    from ratecast.ask.forecast_model import load_model  # imports numpy, which `import ratecast` must not do

    return load_model(models_dir, version)
