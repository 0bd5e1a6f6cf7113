"""A small reference of model drift on invented inputs of the range forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.model_drift_reference import ModelDriftReference
from ratecast.model.range_inputs import RANGE_INPUT_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

IMPORTANT, UNIMPORTANT = "twenty_steps", "largest"
IMPORTANCES = {name: {IMPORTANT: 0.6, UNIMPORTANT: 0.04}.get(name, 0.04) for name in RANGE_INPUT_NAMES}
EDGES = (-1.0, 0.0, 1.0)
SHARES = (16, 34, 34, 16)  # of a normal distribution, in percent
THRESHOLDS = {250: 0.2, 400: 0.15}


def reference(pairs: Iterable[str] = ("EUR/GBP", "EUR/USD")) -> ModelDriftReference:
    """Every input is normal in training, and one of them matters more than all others together."""
    of_pair = dict.fromkeys(RANGE_INPUT_NAMES, SHARES)
    return ModelDriftReference(
        importances=IMPORTANCES,
        edges=dict.fromkeys(RANGE_INPUT_NAMES, EDGES),
        counts=dict.fromkeys(pairs, of_pair),
        thresholds=THRESHOLDS,
    )


def inputs(messages: int, seed: int = 0, shifted: str | None = None) -> NDArray[np.float32]:
    """Normal inputs; all values of one of them may be far above training."""
    values = np.random.default_rng(seed).standard_normal((messages, len(RANGE_INPUT_NAMES)))
    if shifted is not None:
        values[:, RANGE_INPUT_NAMES.index(shifted)] += 10
    return values.astype(np.float32)
