"""Observations of one model on forecasts whose answer is known, invented for tests."""

from __future__ import annotations

import numpy as np

from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.scoring.observations import HindcastErrors, Observations


def observations_of(version: str, hindcasts: HindcastErrors) -> Observations:
    """Observations of messages whose features and range inputs are all zero."""
    rows = hindcasts.pair_rows
    inputs = np.zeros((len(rows), len(RANGE_INPUT_NAMES)), dtype=np.float32)
    return Observations(version, rows, np.zeros((len(rows), 5)), hindcasts, rows, inputs)
