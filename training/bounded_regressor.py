"""Keeps the outputs of any estimator within bounds, as a forest's are by nature.

A forest never leaves the values it was trained on. A linear model does: on an input far from training it may forecast a
negative width, and a power of that is no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ratecast.model.parity import outputs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class BoundedRegressor:
    """A fitted estimator whose outputs are clipped.

    Attributes:
        estimator: a fitted scikit-learn regressor or pipeline.
        bounds: lowest and highest output.
    """

    estimator: Any
    bounds: tuple[float, float]

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Returns the outputs of each row, ``(n, outputs)``."""
        return np.clip(outputs_of(self.estimator, X), *self.bounds)


def clip_output(graph: Any, bounds: tuple[float, float]) -> None:
    """Appends the same bounds to an ONNX graph; they become its output.

    Args:
        graph: an ``onnx.ModelProto`` with one float32 output, which is changed.
        bounds: lowest and highest output.
    """
    from onnx import TensorProto, helper

    free = graph.graph.output[0].name
    for name, bound in zip(("least", "most"), bounds, strict=True):
        graph.graph.initializer.append(helper.make_tensor(f"bounded_{name}", TensorProto.FLOAT, [], [bound]))
    graph.graph.node.append(
        helper.make_node("Clip", [free, "bounded_least", "bounded_most"], ["bounded"], name="bounded")
    )
    graph.graph.output[0].name = "bounded"
