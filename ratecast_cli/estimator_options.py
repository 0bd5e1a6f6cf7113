"""The options that replace a forest by an estimator of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from ratecast.model.training_stats import TrainingStats
    from training.forests import ForestSettings

_NAME = "MODULE:CALLABLE"
Estimator = Annotated[
    str | None,
    typer.Option(
        "--estimator",
        metavar=_NAME,
        help="Forecast the width of the ranges with your own scikit-learn regressor or pipeline: an importable callable "
        "that takes no argument and returns it unfitted, such as my_model:make. It must convert to ONNX. "
        r"\[default: forest]",
    ),
]
CentreEstimator = Annotated[
    str | None,
    typer.Option(
        "--centre-estimator",
        metavar=_NAME,
        help=r"The same for the forecast of the rate itself. \[default: forest]",
    ),
]


def forest_settings(seed: int, estimator: str | None, centre_estimator: str | None) -> ForestSettings:
    """Returns the settings of a training.

    Raises:
        UsageError: an estimator cannot be imported, or is no regressor.
    """
    from training.chosen_estimators import CENTRE, WIDTH, choose
    from training.forests import ForestSettings

    return ForestSettings(
        seed=seed,
        range_estimator=choose(WIDTH, estimator),
        centre_estimator=choose(CENTRE, centre_estimator),
    )


def require_choice(champion: TrainingStats, estimator: str | None, centre_estimator: str | None) -> None:
    """Check that a retraining names the estimators of the current model, or others.

    A bundle does not contain the code of an estimator, and replacing it by a forest without a word would be a surprise.

    Raises:
        UsageError: the current model has an estimator, and the option is not given.
    """
    given = (
        ("--estimator", champion.range_estimator, estimator),
        ("--centre-estimator", champion.centre_estimator, centre_estimator),
    )
    for option, present, wanted in given:
        if present is not None and wanted is None:
            raise UsageError(
                f"model {champion.model_version} was trained with {option} {present}: give it again, "
                f"or {option} forest to go back to the forest"
            )
