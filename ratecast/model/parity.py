"""Checks that an ONNX graph gives the answers of its scikit-learn forest, without scikit-learn.

Training stores some inputs and the forest's outputs in the bundle. Every program that loads the bundle runs the graph
on these inputs, on its machine and with its version of the runtime, and compares the outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ratecast.errors import ModelBundleError
from ratecast.model.onnx_model import OnnxModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.onnx_model import StepModel

TOLERANCE = 1e-5  # in standardised returns: a hundred thousandth of a typical daily move
TRAINING_PROBES = 48
RANDOM_PROBES = 16
BOUND = 20.0  # inputs are clipped to +- this (`ratecast.model.features.model_inputs`)


class Probes(BaseModel):
    """``parity.json``: inputs of the forest and the outputs of scikit-learn's forest."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    inputs: list[tuple[float, float, float]] = Field(
        min_length=1, description="float32, as the forest gets them."
    )
    outputs: list[float] = Field(description="Standardised returns, one for each input.")

    @model_validator(mode="after")
    def _has_one_output_for_each_input(self) -> Probes:
        if len(self.outputs) != len(self.inputs):
            raise ValueError(
                f"outputs must have one value for each of {len(self.inputs)} inputs, got {len(self.outputs)}"
            )
        return self


def make_probes(forest: StepModel, inputs: NDArray[np.float32], seed: int) -> Probes:
    """Run the forest on a seeded sample of its training inputs and on a few random inputs.

    Args:
        forest: scikit-learn's forest.
        inputs: its training inputs, ``(n, 3)``.
        seed: the same seed gives the same probes.
    """
    rng = np.random.default_rng(seed)
    known = inputs[rng.choice(len(inputs), min(TRAINING_PROBES, len(inputs)), replace=False)]
    random = rng.uniform(-BOUND, BOUND, (RANDOM_PROBES, inputs.shape[1])).astype(np.float32)
    probes = np.concatenate((known, random))
    return Probes(inputs=probes.tolist(), outputs=forest.predict(probes).tolist())


def check_probes(onnx: bytes, probes: Probes) -> None:
    """Run the graph on the probes and compare its outputs with the forest's.

    Raises:
        ModelBundleError: the graph cannot be run, or an output differs by more than ``TOLERANCE``.
    """
    try:
        answers = OnnxModel(onnx).predict(np.array(probes.inputs, dtype=np.float32))
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise ModelBundleError(f"its ONNX model cannot be run: {error}") from error
    expected = np.array(probes.outputs)
    difference = float(np.abs(answers - expected).max()) if answers.shape == expected.shape else np.inf
    if not difference <= TOLERANCE:
        raise ModelBundleError(
            f"its ONNX model differs from its scikit-learn model by {difference:.2g} standard deviations "
            f"(at most {TOLERANCE:g} is allowed)"
        )
