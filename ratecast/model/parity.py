"""Does the ONNX graph say what the forest said? Answered where there is no scikit-learn to ask.

Training stores a few inputs with the forest's own outputs in the bundle; whoever loads the bundle runs the graph on
them, on its own machine and with its own runtime.
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

TOLERANCE = 1e-5  # standardised returns: a hundred thousandth of a day's move
TRAINING_PROBES = 48
RANDOM_PROBES = 16
BOUND = 20.0  # the inputs that serving can send lie within +- this


class Probes(BaseModel):
    """``parity.json``: inputs of the forest, and what scikit-learn's forest answered."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    inputs: list[tuple[float, float, float]] = Field(
        min_length=1, description="float32, as the forest sees them."
    )
    outputs: list[float] = Field(description="Standardised returns, one an input.")

    @model_validator(mode="after")
    def _one_output_an_input(self) -> Probes:
        if len(self.outputs) != len(self.inputs):
            raise ValueError(f"{len(self.inputs)} inputs have {len(self.outputs)} outputs")
        return self


def make_probes(forest: StepModel, inputs: NDArray[np.float32], seed: int) -> Probes:
    """Ask the forest about a seeded sample of what it was trained on, and about a few random inputs.

    Args:
        forest: scikit-learn's.
        inputs: what it was trained on, ``(n, 3)``.
        seed: the same one gives the same probes.
    """
    rng = np.random.default_rng(seed)
    known = inputs[rng.choice(len(inputs), min(TRAINING_PROBES, len(inputs)), replace=False)]
    random = rng.uniform(-BOUND, BOUND, (RANDOM_PROBES, inputs.shape[1])).astype(np.float32)
    asked = np.concatenate((known, random))
    return Probes(inputs=asked.tolist(), outputs=forest.predict(asked).tolist())


def check_probes(onnx: bytes, probes: Probes) -> None:
    """Run the graph on the probes.

    Raises:
        ModelBundleError: it cannot be run, or differs from the forest by more than ``TOLERANCE``.
    """
    try:
        answers = OnnxModel(onnx).predict(np.array(probes.inputs, dtype=np.float32))
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise ModelBundleError(f"its ONNX graph cannot be run: {error}") from error
    expected = np.array(probes.outputs)
    difference = float(np.abs(answers - expected).max()) if answers.shape == expected.shape else np.inf
    if not difference <= TOLERANCE:
        raise ModelBundleError(
            f"its ONNX graph differs from the forest it was made from by {difference:.2g} standard deviations "
            f"(at most {TOLERANCE:g} is allowed)"
        )
