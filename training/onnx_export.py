"""Exports a model as an ONNX graph and checks that both predict the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ratecast.errors import OperationError
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.parity import BOUND, TOLERANCE, Probes, largest_difference, make_probes, outputs_of
from training.bounded_regressor import BoundedRegressor, clip_output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.onnx_model import Regressor

_OPSETS = {"": 18, "ai.onnx.ml": 3}  # the newest that ONNX Runtime 1.20 can run, the oldest version allowed
# Of a user's estimator: a graph computes in float32, scikit-learn mostly in float64. Trees do not add up, so they agree.
ESTIMATOR_TOLERANCE = 1e-3


@dataclass(frozen=True)
class ExportedModel:
    """A scikit-learn model, its ONNX graph, and probes to check the graph with."""

    estimator: Any
    onnx: bytes
    probes: Probes


def export(estimator: Any, inputs: NDArray[np.float32], seed: int) -> ExportedModel:
    """Returns a model with its checked graph.

    Args:
        estimator: a fitted scikit-learn regressor.
        inputs: inputs that it was fitted to, ``(n, inputs)``.
        seed: seed of the random inputs of the check.

    Raises:
        OperationError: the graph differs from the model.
    """
    onnx = export_onnx(estimator, inputs.shape[1])
    check_parity(onnx, estimator, inputs, seed)
    return ExportedModel(estimator, onnx, make_probes(estimator, inputs, seed, tolerance_of(estimator)))


def tolerance_of(model: Regressor) -> float:
    """Returns how far the outputs of a model's graph may be from its own."""
    return ESTIMATOR_TOLERANCE if isinstance(model, BoundedRegressor) else TOLERANCE


def export_onnx(estimator: Any, inputs: int) -> bytes:
    """Returns a model as a serialised ONNX graph: float32 ``(n, inputs)`` in, float32 ``(n, outputs)`` out."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    bounded = estimator if isinstance(estimator, BoundedRegressor) else None
    graph = to_onnx(
        estimator if bounded is None else bounded.estimator,
        initial_types=[("inputs", FloatTensorType([None, inputs]))],
        target_opset=_OPSETS,
    )
    if bounded is not None:
        clip_output(graph, bounded.bounds)
    # skl2onnx declares one output column whatever the model has, and the runtime then warns at every call.
    outputs = outputs_of(estimator, np.zeros((1, inputs), np.float32)).shape[1]
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value = outputs
    return bytes(graph.SerializeToString())


def check_parity(
    onnx: bytes, model: Regressor, inputs: NDArray[np.float32], seed: int = 0, random_rows: int = 20_000
) -> float:
    """Returns the largest difference between the graph and the model, on given inputs and on random ones.

    Args:
        onnx: the graph.
        model: the model that it was exported from.
        inputs: inputs that the model was fitted to, ``(n, inputs)``.
        seed: seed of the random inputs, which cover everything that a worker can pass (``+- BOUND``).
        random_rows: number of random inputs.

    Raises:
        OperationError: the difference exceeds `tolerance_of` the model, so the graph must not be used.
    """
    generator = np.random.default_rng(seed)
    random = generator.uniform(-BOUND, BOUND, (random_rows, inputs.shape[1])).astype(np.float32)
    tried = np.concatenate((inputs, random))
    difference = largest_difference(OnnxModel(onnx).predict(tried), outputs_of(model, tried))
    if not difference <= (tolerance := tolerance_of(model)):
        raise OperationError(
            f"the ONNX graph differs from the model by {difference:.2g} standard deviations "
            f"(at most {tolerance:g} is allowed), so the model was not saved"
        )
    return difference
