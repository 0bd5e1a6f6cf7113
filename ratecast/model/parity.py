"""Checks that an ONNX graph gives the answers of its scikit-learn model, without scikit-learn.

Training stores some inputs and the model's outputs in the bundle. Every program that loads the bundle runs the graph
on these inputs, on its machine and with its version of the runtime, and compares the outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ratecast.errors import ModelBundleError
from ratecast.model.graph_check import check_graph
from ratecast.model.onnx_model import OnnxModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.onnx_model import Regressor

TOLERANCE = 1e-5  # in units of a scale: a hundred thousandth of a typical daily move
TRAINING_PROBES = 48
RANDOM_PROBES = 16
BOUND = 20.0  # inputs are within +- this (`ratecast.model.features`, `ratecast.model.range_inputs`)

Row = Annotated[list[float], Field(min_length=1)]


class Probes(BaseModel):
    """Inputs of a model and the outputs of the scikit-learn model."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    inputs: list[Row] = Field(min_length=1, description="float32, as the model gets them.")
    outputs: list[Row] = Field(description="One row for each input.")
    tolerance: float = Field(TOLERANCE, gt=0, le=0.01, description="Largest difference that is allowed.")

    @model_validator(mode="after")
    def _has_equal_rows(self) -> Probes:
        if len(self.outputs) != len(self.inputs):
            raise ValueError(
                f"outputs must have one row for each of {len(self.inputs)} inputs, got {len(self.outputs)}"
            )
        if len({*map(len, self.inputs)}) > 1 or len({*map(len, self.outputs)}) > 1:
            raise ValueError("all rows of inputs, and all rows of outputs, must have the same length")
        return self


class Proof(BaseModel):
    """``parity.json``: the probes of each graph of a bundle."""

    model_config = ConfigDict(frozen=True)

    range: Probes
    centre: Probes | None = None


def outputs_of(model: Regressor, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a model's outputs as ``(n, outputs)``; scikit-learn drops the second axis of a single output.

    Args:
        model: a scikit-learn model or a graph.
        inputs: ``(n, inputs)``, n at least 1.
    """
    return np.asarray(model.predict(inputs), dtype=np.float64).reshape(len(inputs), -1)


def largest_difference(answers: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Return the largest difference of two sets of outputs, infinite if their shapes differ.

    >>> largest_difference(np.array([[1.0, 2.0]]), np.array([[1.0, 1.5]]))
    0.5
    """
    return float(np.abs(answers - expected).max()) if answers.shape == expected.shape else np.inf


def make_probes(
    model: Regressor, inputs: NDArray[np.float32], seed: int, tolerance: float = TOLERANCE
) -> Probes:
    """Run a model on a seeded sample of its training inputs and on a few random inputs.

    Args:
        model: the scikit-learn model.
        inputs: its training inputs, ``(n, inputs)``.
        seed: the same seed gives the same probes.
        tolerance: how far a graph's outputs may be from the model's.
    """
    rng = np.random.default_rng(seed)
    known = inputs[rng.choice(len(inputs), min(TRAINING_PROBES, len(inputs)), replace=False)]
    random = rng.uniform(-BOUND, BOUND, (RANDOM_PROBES, inputs.shape[1])).astype(np.float32)
    probes = np.concatenate((known, random))
    return Probes(inputs=probes.tolist(), outputs=outputs_of(model, probes).tolist(), tolerance=tolerance)


def check_probes(onnx: bytes, probes: Probes) -> None:
    """Run a graph on the probes and compare its outputs with the scikit-learn model's.

    Raises:
        ModelBundleError: the graph holds what no graph of a bundle needs, cannot be run, takes or gives something else, or
            an output differs by more than the probes allow.
    """
    check_graph(onnx)
    try:
        answers = _answers(onnx, np.array(probes.inputs, dtype=np.float32))
    except ModelBundleError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no common base class
        reason = " ".join(str(error).split())  # several lines would be several lines of the log
        raise ModelBundleError(f"its ONNX model cannot be run: {reason}") from error
    difference = largest_difference(answers, np.array([*probes.outputs, probes.outputs[0]]))
    if not difference <= probes.tolerance:
        raise ModelBundleError(
            f"its ONNX model differs from its scikit-learn model by {difference:.2g} standard deviations "
            f"(at most {probes.tolerance:g} is allowed)"
        )


def _answers(onnx: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the graph's outputs for all inputs together, and below them those for the first alone.

    A graph may be made for exactly as many rows as there are probes, and a lone message is a row.
    """
    model = OnnxModel(onnx)
    if (misfit := model.misfit(inputs.shape[1])) is not None:
        raise ModelBundleError(f"its ONNX model does not fit: {misfit}")
    return np.concatenate((model.predict(inputs), model.predict(inputs[:1])))
