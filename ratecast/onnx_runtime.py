"""ONNX Runtime, one thread, and silent: the only place that imports it."""

from __future__ import annotations

import os
from typing import Any


def session(onnx: bytes) -> Any:
    """An inference session on a graph's bytes.

    One thread on purpose: a worker is scaled by partitions, and a thread pool would cost more than a small
    batch takes.
    """
    # From version 1.29 on, the Linux and macOS wheels report to their maker from the moment of import, and
    # this variable is the only full opt-out. A process that scores rates calls nobody but its brokers.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
