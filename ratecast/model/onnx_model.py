"""Runs a model as an ONNX graph in ONNX Runtime, with one thread and without telemetry."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


_RESULTS = ("tensor(float)", "tensor(double)")


class Regressor(Protocol):
    """Predicts one or several numbers for each row; a scikit-learn regressor is one."""

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Return the outputs of each row: float32 ``(n, inputs)`` to ``(n, outputs)``, or ``(n,)`` for one output."""


class OnnxModel:
    """An ONNX graph with one input and one output.

    Args:
        onnx: the graph's bytes.
    """

    def __init__(self, onnx: bytes) -> None:
        self._session = session(onnx)
        self._input = self._session.get_inputs()[0].name

    def misfit(self, inputs: int) -> str | None:
        """Return why the graph cannot take rows of so many float32 numbers and give one table; None if it can."""
        takes, gives = self._session.get_inputs(), self._session.get_outputs()
        if len(takes) != 1 or len(gives) != 1:
            return f"it has {len(takes)} inputs and {len(gives)} outputs, not one of each"
        if takes[0].type != "tensor(float)" or gives[0].type not in _RESULTS:
            return f"it takes {takes[0].type} and gives {gives[0].type}, not tensor(float)"
        shape = takes[0].shape
        if len(shape) != 2 or isinstance(shape[0], int) or shape[1] not in (inputs, None):
            return f"its input has the shape {shape}, not [None, {inputs}]"
        return None

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Return the outputs of each row: float32 ``(n, inputs)`` to float64 ``(n, outputs)``."""
        output: NDArray[np.float32] = self._session.run(None, {self._input: X})[0]
        return output.astype(np.float64)


def session(onnx: bytes) -> Any:
    """Create an inference session with one thread.

    Workers scale by partitions, and a thread pool would cost more time than a small batch takes.
    """
    # From version 1.29 on, the Linux and macOS wheels send telemetry from the moment of import, and this
    # variable is the only complete opt-out. A worker must connect to nothing but its brokers.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
