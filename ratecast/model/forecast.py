"""The forecast itself: a forest's shrunken step from the last rate, and a range in units of volatility.

    prediction = lag_1 * exp(lambda * f(x) * sigma_t)
    range      = prediction * exp(+- q * scale_t)

``f`` is the forest on scale-free inputs, ``lambda`` its shrinkage (0: the last rate stands), ``sigma_t`` the
EWMA volatility of the history itself, ``scale_t`` the scale of the level's range (`ratecast.model.ranges`), ``q`` a
split-conformal quantile of |error| / scale_t (Vovk et al., *Algorithmic Learning in a Random World*, 2005;
normalised scores: Papadopoulos et al., ECML 2002).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model import classic_drift, features, ranges
from ratecast.model.features import ADAPTIVE_LENGTH
from ratecast.model.onnx_model import OnnxModel, StepModel
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratecast.model.bundle import Bundle
    from ratecast.model.training_stats import TrainingStats


@dataclass(frozen=True)
class Windows:
    """A batch of histories made ready: what forecasts, hindcasts and quality checks are computed from."""

    pairs: NDArray[np.intp]  # (n,), position of each history's pair
    lengths: NDArray[np.intp]  # (n,), rates given, before they were cut to the window
    rates: NDArray[np.float64]  # (n, WINDOW), newest last, NaN where a history is shorter
    returns: NDArray[np.float64]  # (n, WINDOW - 1), log returns
    believed: NDArray[np.float64]  # the same, NaN where a return is a fault's and says nothing of volatility
    stored: NDArray[np.float64]  # (n,), the pair's sigma in training
    sigma: NDArray[np.float64]  # (n,), one-step volatility
    sigma_before: NDArray[np.float64]  # (n,), the same as it was before the newest rate

    def __len__(self) -> int:
        return len(self.pairs)

    def without(self, faults: Mapping[int, NDArray[np.bool_]]) -> Windows:
        """The same, with volatility measured anew where some returns are not to be believed.

        Args:
            faults: row -> which of its returns, ``(WINDOW - 1,)``. Few, or this is slow.
        """
        if not faults:
            return self
        believed, sigma, before = self.returns.copy(), self.sigma.copy(), self.sigma_before.copy()
        rows = np.array(list(faults))
        believed[rows] = np.where(list(faults.values()), np.nan, self.returns[rows])
        sigma[rows] = features.ewma_volatility(believed[rows], self.stored[rows])
        before[rows] = features.ewma_volatility(believed[rows, :-1], self.stored[rows])
        return replace(self, believed=believed, sigma=sigma, sigma_before=before)


@dataclass(frozen=True)
class Hindcasts:
    """What the model would have said before each newest rate, beside that rate; log returns, one row a history."""

    error: NDArray[np.float64]  # (n,), |newest - hindcast|
    naive: NDArray[np.float64]  # (n,), |newest - rate before it|
    standardised: NDArray[np.float64]  # (n,), error / sigma before the newest rate
    inside: NDArray[np.bool_]  # (n, 2), whether the range held it, columns LEVELS

    def where(self, mask: NDArray[np.bool_]) -> Hindcasts:
        """The hindcasts under a mask."""
        return Hindcasts(self.error[mask], self.naive[mask], self.standardised[mask], self.inside[mask])


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of a batch; every array has one row a history, in the order given."""

    features: NDArray[np.float64]  # (n, 5), columns FEATURE_NAMES
    prediction: NDArray[np.float64]  # (n,)
    lower: NDArray[np.float64]  # (n, 2), columns LEVELS
    upper: NDArray[np.float64]  # (n, 2)
    adaptive: NDArray[np.bool_]  # (n,), False where the range leans on training
    floored: NDArray[
        np.bool_
    ]  # (n,), where volatility is far below training's, so the range is that of a floor
    drift_scores: NDArray[np.float64]  # (n, 5), (x - mean) / std
    drifted: NDArray[np.bool_]  # (n, 5), by the classic rule


class Forecaster:
    """Scores batches with one model: pure, the same history always gives the same forecast.

    Args:
        stats: the bundle's training statistics.
        model: the forest.
        std_threshold: the classic drift rule's bound in standard deviations; the bundle's when None.
    """

    def __init__(self, stats: TrainingStats, model: StepModel, std_threshold: float | None = None) -> None:
        self.version = stats.model_version
        self.default_pair = stats.default_pair
        self.pair_index = {pair: row for row, pair in enumerate(stats.pairs)}
        self.pairs = tuple(stats.pairs)
        self._model = model
        self._shrinkage = stats.shrinkage.lambda_
        self._std_threshold = stats.drift_std_threshold if std_threshold is None else std_threshold
        self._sigma = np.array([pair.sigma for pair in stats.pairs.values()])
        self._lengths, self._quantiles = _quantile_table(stats)
        self._feature_ranges = classic_drift.feature_ranges(stats.pairs.values())

    @classmethod
    def from_bundle(cls, bundle: Bundle, std_threshold: float | None = None) -> Forecaster:
        """A forecaster on the bundle's ONNX graph."""
        return cls(bundle.stats, OnnxModel(bundle.onnx), std_threshold)

    def windows(self, histories: Sequence[Sequence[float]], pair_rows: NDArray[np.intp]) -> Windows:
        """Make histories ready (3 positive finite rates or more each, oldest first).

        Args:
            histories: n histories.
            pair_rows: for each, its pair's position in ``self.pairs``, shape ``(n,)``.
        """
        rates = features.window_matrix(histories)
        returns = features.log_returns(rates)
        stored = self._sigma[pair_rows]
        return Windows(
            pairs=pair_rows,
            lengths=np.fromiter(map(len, histories), np.intp, len(histories)),
            rates=rates,
            returns=returns,
            believed=returns,
            stored=stored,
            sigma=features.ewma_volatility(returns, stored),
            sigma_before=features.ewma_volatility(returns[:, :-1], stored),
        )

    def forecast(self, windows: Windows) -> Forecasts:
        """Forecast each history's next rate.

        A result that leaves the range of float64 comes back as inf or NaN in its row; the caller decides.

        Args:
            windows: n histories made ready.
        """
        returns, stored, sigma = windows.returns, windows.stored, windows.sigma
        values = features.contract_features(windows.rates, returns)
        scales = ranges.range_scales(windows.believed, sigma, stored)
        step = self._step(returns, sigma, stored)
        half = self._half_widths(windows.lengths, scales)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            prediction = values[:, 0] * np.exp(step)
            lower = prediction[:, None] * np.exp(-half)
            upper = prediction[:, None] * np.exp(half)
        expected = self._feature_ranges.of(windows.pairs)
        scores, drifted = classic_drift.drift(values, expected, self._std_threshold)
        adaptive = windows.lengths >= ADAPTIVE_LENGTH
        floored = features.floored(sigma, stored)
        return Forecasts(values, prediction, lower, upper, adaptive, floored, scores, drifted)

    def hindcast(self, windows: Windows) -> Hindcasts:
        """Forecast each history's newest rate from the rates before it: live accuracy that needs no memory.

        Args:
            windows: n histories made ready, each of four rates or more.
        """
        newest, earlier = windows.returns[:, -1], windows.believed[:, :-1]
        sigma = windows.sigma_before
        # A hindcast is for watching: a forest whose word counts for nothing need not be asked a second time.
        step = self._step(windows.returns[:, :-1], sigma, windows.stored) if self._shrinkage else 0.0
        error = np.abs(newest - step)
        half = self._half_widths(windows.lengths - 1, ranges.range_scales(earlier, sigma, windows.stored))
        return Hindcasts(error, np.abs(newest), error / sigma, error[:, None] <= half)

    def _step(
        self, returns: NDArray[np.float64], sigma: NDArray[np.float64], stored: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The forecast log return, ``(n,)``."""
        return self._shrinkage * self._model.predict(features.model_inputs(returns, sigma, stored)) * sigma

    def _half_widths(self, lengths: NDArray[np.intp], scales: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half widths of the ranges in log returns, ``(n, 2)``, by the quantiles of each history's length."""
        quantiles = self._quantiles[np.searchsorted(self._lengths, lengths, side="right") - 1]
        return ranges.half_widths(quantiles, scales)


def _quantile_table(stats: TrainingStats) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """History lengths ascending, and beside each its quantile at each of ``LEVELS``, ``(k, 2)``."""
    lengths = sorted(stats.intervals[LEVELS[0]])
    table = np.array([[stats.intervals[level][length] for level in LEVELS] for length in lengths])
    return np.array(lengths, dtype=np.intp), table
