"""Exports the forest as an ONNX graph and checks that both predict the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import OperationError
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.parity import BOUND, TOLERANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from ratecast.model.onnx_model import StepModel

_OPSETS = {"": 18, "ai.onnx.ml": 3}  # the newest that ONNX Runtime 1.20 can run, the oldest version allowed


def export_onnx(forest: RandomForestRegressor) -> bytes:
    """Returns the forest as a serialised ONNX graph: float32 ``(n, 3)`` in, float32 ``(n, 1)`` out."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    graph = to_onnx(forest, initial_types=[("inputs", FloatTensorType([None, 3]))], target_opset=_OPSETS)
    return bytes(graph.SerializeToString())


def check_parity(
    onnx: bytes, forest: StepModel, inputs: NDArray[np.float32], seed: int = 0, random_rows: int = 20_000
) -> float:
    """Returns the largest difference between the graph and the forest, on given inputs and on random ones.

    Args:
        onnx: the graph.
        forest: the forest that it was exported from.
        inputs: inputs that the forest was trained on, ``(n, 3)``.
        seed: seed of the random inputs, which cover everything that a worker can pass (``+- BOUND``).
        random_rows: number of random inputs.

    Raises:
        OperationError: the difference exceeds ``TOLERANCE``, so the graph must not be used.
    """
    random = np.random.default_rng(seed).uniform(-BOUND, BOUND, (random_rows, 3)).astype(np.float32)
    tried = np.concatenate((inputs, random))
    difference = float(np.abs(OnnxModel(onnx).predict(tried) - forest.predict(tried)).max())
    if not difference <= TOLERANCE:
        raise OperationError(
            f"the ONNX graph differs from the forest by {difference:.2g} standard deviations "
            f"(at most {TOLERANCE:g} is allowed), so the model was not saved"
        )
    return difference
