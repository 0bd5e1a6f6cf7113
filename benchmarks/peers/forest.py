"""The forest of a bundle as a user of scikit-learn would serve it: ``model.joblib``, and a function of one history.

It does much less than a worker: no checks, no drift, no hindcast and no metrics, only inputs and ranges. Everything here
runs in a peer's environment, which has scikit-learn and numpy but not ratecast; so it imports only modules that need
numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from ratecast.model.features import ewma_volatility, log_returns, window_matrix
from ratecast.model.range_inputs import range_inputs
from ratecast.model.ranges import shoulder_scale
from ratecast.model.weighted_sums import WeightedSums

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPICAL_SIGMA = (
    0.005  # of a daily return; a worker has a figure for each pair, which costs neither more nor less
)


class Forest:
    """Answers with the forest's two factors and the volatility that they multiply."""

    def __init__(self, path: str) -> None:
        self._forest: Any = joblib.load(path)["model.onnx"]

    def answers(self, histories: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """Returns an answer for each history of rates, newest last, with one call of the forest."""
        returns = log_returns(window_matrix(histories))
        sums = WeightedSums.of(returns)
        typical = np.full(len(returns), TYPICAL_SIGMA)
        sigma = ewma_volatility(sums, typical, typical)
        factors = self._forest.predict(range_inputs(sums, sigma, shoulder_scale(sums, typical, typical)))
        return [
            {"predicted_rate": rates[-1], "sigma": float(own), "factors": of.tolist()}
            for rates, own, of in zip(histories, sigma, factors, strict=True)
        ]
