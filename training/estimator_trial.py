"""Tries the user's estimators on a small sample, so that one that cannot be served is refused before the long work."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import OperationError, UsageError
from ratecast.model.parity import BOUND, outputs_of
from training.chosen_estimators import reason
from training.forests import capped
from training.onnx_export import check_parity, export_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.bounded_regressor import BoundedRegressor
    from training.chosen_estimators import ChosenEstimator
    from training.dataset import Rows
    from training.forests import ForestSettings

ROWS = 2_000
_RANDOM_ROWS = 500
# Share of rows with an output that is no width. They are clipped; more would be no model of a width.
_FEW = 0.01


def try_estimators(settings: ForestSettings, rows: Rows) -> None:
    """Fit, run, convert and pickle each estimator that replaces a forest, on up to ``ROWS`` rows.

    Args:
        settings: which estimators.
        rows: training rows; the sample is spread over them.

    Raises:
        UsageError: an estimator cannot be used; the message is one line with the reason.
    """
    sample = rows.where(np.isin(np.arange(len(rows)), np.linspace(0, len(rows) - 1, ROWS).astype(np.intp)))
    if (width := settings.range_estimator) is not None:
        errors = np.abs(sample.target)[:, None] / sample.scales
        _try(width, sample.range_inputs, capped(errors), settings.seed)
    if (centre := settings.centre_estimator) is not None:
        _try(centre, sample.inputs, sample.target / sample.sigma, settings.seed)


def _try(
    chosen: ChosenEstimator, inputs: NDArray[np.float32], wanted: NDArray[np.float64], seed: int
) -> None:
    where = chosen.where
    fitted = chosen.fit(inputs, wanted, seed)
    _require_usable(where, chosen, fitted, inputs)
    try:
        graph = export_onnx(fitted, inputs.shape[1])
    except Exception as error:  # noqa: BLE001 - skl2onnx raises many kinds of errors
        raise UsageError(f"{where}: it cannot be converted to ONNX: {reason(error)}") from None
    try:
        check_parity(graph, fitted, inputs, seed)
    except OperationError as error:
        raise UsageError(f"{where}: {error}") from None
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base class
        raise UsageError(f"{where}: its ONNX graph cannot be run: {reason(error)}") from None
    try:
        pickle.dumps(fitted)
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        raise UsageError(f"{where}: it cannot be saved: {reason(error)}") from None


def _require_usable(
    where: str, chosen: ChosenEstimator, fitted: BoundedRegressor, inputs: NDArray[np.float32]
) -> None:
    """Check the outputs, as they are before they are clipped, on the sample and on inputs far from it."""
    random = np.random.default_rng(0).uniform(-BOUND, BOUND, (_RANDOM_ROWS, inputs.shape[1]))
    count = len(inputs)
    try:
        raw = np.asarray(fitted.estimator.predict(inputs))
        far = outputs_of(fitted.estimator, random.astype(np.float32))
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        raise UsageError(f"{where}: it cannot predict: {reason(error)}") from None
    outputs = chosen.purpose.outputs
    if raw.shape != (count, outputs) and not (outputs == 1 and raw.shape == (count,)):
        raise UsageError(f"{where}: its output has the shape {raw.shape}, it must be {(count, outputs)}")
    if not (np.isfinite(raw).all() and np.isfinite(far).all()):
        raise UsageError(f"{where}: its output is not finite for some inputs")
    if outputs > 1 and (low := int((raw <= 0).any(axis=1).sum())) > _FEW * count:
        raise UsageError(
            f"{where}: its output is 0 or less for {low:,} of {count:,} training rows, but a width is positive"
        )
