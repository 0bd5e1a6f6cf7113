"""Runs the forest as an ONNX graph in ONNX Runtime, with one thread and without telemetry."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class StepModel(Protocol):
    """Predicts the next standardised return."""

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the expected ``return / sigma`` of each row: float32 ``(n, 3)`` to float64 ``(n,)``."""


class OnnxModel:
    """The forest in ONNX Runtime.

    Args:
        onnx: the graph's bytes.
    """

    def __init__(self, onnx: bytes) -> None:
        self._session = session(onnx)
        self._input = self._session.get_inputs()[0].name

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the expected ``return / sigma`` of each row: float32 ``(n, 3)`` to float64 ``(n,)``."""
        output: NDArray[np.float32] = self._session.run(None, {self._input: inputs})[0]
        return output.reshape(-1).astype(np.float64)


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
