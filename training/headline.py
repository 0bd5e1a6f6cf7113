"""What the figures say, in two plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.evaluate import Metrics

SIGNIFICANT = 0.05
OFF_TARGET = 0.015  # share of ranges; a test of a year of 20 pairs strays less by chance


def headline(lambda_: float, test: Metrics) -> str:
    """Whether the model beats the last rate, and whether its 95 % range holds what it claims.

    Args:
        lambda_: the served model's.
        test: figures of the test days, from a model that was fitted before them.
    """
    return f"{_centre(lambda_, test)} {_range(test)}"


def _centre(lambda_: float, test: Metrics) -> str:
    dm = test.diebold_mariano
    if lambda_ == 0:
        return (
            "The model does not beat the last rate, so the last rate is its forecast (lambda 0; the forest "
            f"alone: MAE ratio {test.forest_mae_ratio:.4f})."
        )
    if dm is None:
        return (
            f"Whether the model beats the last rate is not known: it is switched on (lambda {lambda_:.2f}), but "
            "was still off before the test days."
        )
    verdict = "beats" if test.mae_ratio < 1 and dm.p_value < SIGNIFICANT else "does not beat"
    p_value = "p < 0.001" if dm.p_value < 0.001 else f"p = {dm.p_value:.3f}"
    return (
        f"The model {verdict} the last rate: MAE ratio {test.mae_ratio:.4f} (Diebold-Mariano {p_value}, "
        f"lambda {lambda_:.2f})."
    )


def _range(test: Metrics) -> str:
    share = test.coverage["95"]
    held = f"The 95 % range held {100 * share:.1f} % of {test.n:,} next rates"
    if share < 0.95 - OFF_TARGET:
        return f"{held}: it is too narrow."
    if share > 0.95 + OFF_TARGET:
        return f"{held}: it is too wide."
    return f"{held}."
