"""Writes the headline of a training report: how good the forecast and the 95 % range are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.evaluate import Evaluation, Metrics
    from training.forests import ForestSettings

SIGNIFICANT = 0.05
OFF_TARGET = 0.015  # of the coverage; in a test of one year and 20 pairs chance explains less


def headline(
    lambda_: float, exponent: float, evaluation: Evaluation, settings: ForestSettings | None = None
) -> str:
    """Returns whether the model beats the last rate, and whether its 95 % range has the promised coverage.

    Args:
        lambda_: lambda of the model in the bundle.
        exponent: exponent of its range forest.
        evaluation: metrics of the test days, from a model that was fitted before them.
        settings: which estimators replace a forest; None for both forests.
    """
    test = evaluation.test
    chosen = {} if settings is None else settings.chosen()
    centre, width = (
        f"estimator {name}" if (name := chosen.get(purpose)) else "forest"
        for purpose in ("centre_estimator", "range_estimator")
    )
    return f"{_centre(lambda_, test, centre)} {_range(test)} {_width(exponent, evaluation, width)}"


def _centre(lambda_: float, test: Metrics, learner: str = "forest") -> str:
    dm = test.diebold_mariano
    if lambda_ == 0:
        return (
            "The model does not beat the last rate as a forecast of the next one, so it forecasts the last rate "
            f"(lambda 0). The {learner} alone has {test.forest_mae_ratio:.4f} times the mean absolute error of the last rate."
        )
    if dm is None:
        return (
            f"It is not known whether the model beats the last rate as a forecast of the next one: its {learner} now "
            f"moves the forecast (lambda {lambda_:.2f}), but it did not yet do so before the test days."
        )
    verdict = "beats" if test.mae_ratio < 1 and dm.p_value < SIGNIFICANT else "does not beat"
    p_value = "p < 0.001" if dm.p_value < 0.001 else f"p = {dm.p_value:.3f}"
    return (
        f"The model {verdict} the last rate as a forecast of the next one: it has {test.mae_ratio:.4f} times the mean "
        f"absolute error of the last rate (Diebold-Mariano {p_value}, lambda {lambda_:.2f})."
    )


def _range(test: Metrics) -> str:
    share = test.coverage["95"]
    contained = f"The 95 % range contained {100 * share:.1f} % of {test.n:,} next rates"
    if share < 0.95 - OFF_TARGET:
        return f"{contained}: it is too narrow."
    if share > 0.95 + OFF_TARGET:
        return f"{contained}: it is too wide."
    return f"{contained}."


def _width(exponent: float, evaluation: Evaluation, learner: str = "forest") -> str:
    """Returns whether the forest, or what replaces it, forecasts the width of the range, and what that gained on the test days."""
    if exponent == 0:
        return (
            f"The {learner} does not forecast the width of the next move better than its recent volatility does, so the range "
            "follows the volatility alone."
        )
    ratio = evaluation.test.winkler_base_ratio["95"]
    if evaluation.exponent == 0 or ratio is None:
        return f"The {learner} now widens and narrows the range; it did not yet do so before the test days."
    change = 100 * (1 - ratio)
    compared = f"{abs(change):.1f} % {'better' if change >= 0 else 'worse'}"
    return f"The {learner} widens and narrows the range: its Winkler score is {compared} than by volatility alone."
