"""The forecast: the last rate moved by a shrunken step of a forest, and a range in units of volatility.

    prediction = lag_1 * exp(lambda * f(x) * sigma_t)
    range      = prediction * exp(+- q * scale_t * F(y)^e)

``f`` is a forest on scale-free inputs, ``lambda`` its shrinkage (with 0 the forecast is the last rate and ``f`` is not
run), and ``sigma_t`` the EWMA volatility of the history. ``scale_t`` is the base scale of the range of one level
(`ratecast.model.ranges`), ``F`` the range forest's factor for it (`ratecast.model.range_inputs`), and ``e`` the exponent
that training found (with 0 the base scale stands). ``q`` is a split-conformal quantile of |error| / (scale_t F^e) (Vovk
et al., *Algorithmic Learning in a Random World*, 2005; normalised scores: Papadopoulos et al., ECML 2002).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model import classic_drift, features, ranges
from ratecast.model.features import ADAPTIVE_LENGTH
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.optional_forecasts import OptionalTables
from ratecast.model.range_inputs import range_inputs
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratecast.model.bundle import Bundle
    from ratecast.model.onnx_model import Regressor
    from ratecast.model.optional_forecasts import OptionalForecasts
    from ratecast.model.training_stats import TrainingStats
    from ratecast.optional_fields import OptionalFields


@dataclass(frozen=True)
class Windows:
    """A prepared batch of histories, from which forecasts, hindcasts and quality checks are computed."""

    pairs: NDArray[np.intp]  # (n,), index of each history's pair
    lengths: NDArray[np.intp]  # (n,), number of rates before they were cut to the window
    rates: NDArray[np.float64]  # (n, WINDOW), newest last, NaN where a history is shorter
    returns: NDArray[np.float64]  # (n, WINDOW - 1), log returns
    clean_returns: NDArray[np.float64]  # returns with NaN for those that are left out of the volatility
    stored: NDArray[np.float64]  # (n,), the pair's sigma in training
    recent: NDArray[np.float64]  # (n,), the pair's sigma of the last 500 returns in training
    sigma: NDArray[np.float64]  # (n,), one-step volatility
    sigma_before: NDArray[np.float64]  # (n,), one-step volatility without the newest return

    def __len__(self) -> int:
        return len(self.pairs)

    def without(self, faults: Mapping[int, NDArray[np.bool_]]) -> Windows:
        """Return the batch with the volatility of some rows measured again without some of their returns.

        Args:
            faults: row -> mask of the returns to leave out, ``(WINDOW - 1,)``. Slow if there are many rows.
        """
        if not faults:
            return self
        clean, sigma, before = self.returns.copy(), self.sigma.copy(), self.sigma_before.copy()
        rows = np.array(list(faults))
        clean[rows] = np.where(list(faults.values()), np.nan, self.returns[rows])
        sigma[rows] = features.ewma_volatility(clean[rows], self.stored[rows], self.recent[rows])
        before[rows] = features.ewma_volatility(clean[rows, :-1], self.stored[rows], self.recent[rows])
        return replace(self, clean_returns=clean, sigma=sigma, sigma_before=before)


@dataclass(frozen=True)
class Hindcasts:
    """Forecasts of each newest rate from the rates before it, compared with that rate; log returns, a row per history."""

    error: NDArray[np.float64]  # (n,), |newest - hindcast|
    naive: NDArray[np.float64]  # (n,), |newest - rate before it|
    standardised: NDArray[np.float64]  # (n,), error / sigma before the newest rate
    inside: NDArray[np.bool_]  # (n, 2), whether the range contained the newest rate, columns LEVELS

    def where(self, mask: NDArray[np.bool_]) -> Hindcasts:
        """Return the hindcasts that a mask selects."""
        return Hindcasts(self.error[mask], self.naive[mask], self.standardised[mask], self.inside[mask])


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of a batch; every array has one row per history, in the order given."""

    features: NDArray[np.float64]  # (n, 5), columns FEATURE_NAMES
    prediction: NDArray[np.float64]  # (n,)
    lower: NDArray[np.float64]  # (n, 2), columns LEVELS
    upper: NDArray[np.float64]  # (n, 2)
    adaptive: NDArray[np.bool_]  # (n,), False where the range uses the volatility from training
    floored: NDArray[np.bool_]  # (n,), True where the volatility is so low that the range uses the floor
    drift_scores: NDArray[np.float64]  # (n, 5), (x - mean) / std
    drifted: NDArray[np.bool_]  # (n, 5), by the classic rule
    optional: OptionalForecasts | None = None  # None unless optional fields are wanted


class Forecaster:
    """Forecasts batches with one model; the same history always gives the same forecast.

    Args:
        stats: the bundle's training statistics.
        range_model: forecasts the factors of the ranges' scales.
        centre_model: forecasts the standardised return; None if lambda is 0.
        std_threshold: bound of the classic drift rule in standard deviations; None for the bundle's.
        optional: further fields to forecast; None for none.

    Raises:
        ModelBundleError: the statistics have no table for one of these fields.
    """

    def __init__(
        self,
        stats: TrainingStats,
        range_model: Regressor,
        centre_model: Regressor | None = None,
        std_threshold: float | None = None,
        optional: OptionalFields | None = None,
    ) -> None:
        self.version = stats.model_version
        self.default_pair = stats.default_pair
        self.pair_index = {pair: row for row, pair in enumerate(stats.pairs)}
        self.pairs = tuple(stats.pairs)
        self._range_model = range_model
        self._exponent = stats.range_factor.exponent
        self._centre_model = centre_model
        self._shrinkage = stats.shrinkage.lambda_
        self._std_threshold = stats.drift_std_threshold if std_threshold is None else std_threshold
        self._sigma = np.array([pair.sigma for pair in stats.pairs.values()])
        self._recent = np.array([pair.recent_sigma for pair in stats.pairs.values()])
        self._lengths, self._quantiles = _quantile_table(stats)
        self._optional = OptionalTables(stats, optional) if optional else None
        self._feature_ranges = classic_drift.feature_ranges(stats.pairs.values())

    @classmethod
    def from_bundle(
        cls, bundle: Bundle, std_threshold: float | None = None, optional: OptionalFields | None = None
    ) -> Forecaster:
        """Make a forecaster that runs the bundle's ONNX graphs."""
        centre = None if bundle.centre is None else OnnxModel(bundle.centre)
        return cls(bundle.stats, OnnxModel(bundle.onnx), centre, std_threshold, optional)

    def windows(self, histories: Sequence[Sequence[float]], pair_rows: NDArray[np.intp]) -> Windows:
        """Prepare histories of at least 3 positive finite rates each, oldest first.

        Args:
            histories: n histories.
            pair_rows: index of each history's pair in ``self.pairs``, shape ``(n,)``.
        """
        rates = features.window_matrix(histories)
        returns = features.log_returns(rates)
        stored, recent = self._sigma[pair_rows], self._recent[pair_rows]
        return Windows(
            pairs=pair_rows,
            lengths=np.fromiter(map(len, histories), np.intp, len(histories)),
            rates=rates,
            returns=returns,
            clean_returns=returns,
            stored=stored,
            recent=recent,
            sigma=features.ewma_volatility(returns, stored, recent),
            sigma_before=features.ewma_volatility(returns[:, :-1], stored, recent),
        )

    def forecast(self, windows: Windows) -> Forecasts:
        """Forecast each history's next rate.

        A result that float64 cannot hold is inf or NaN in its row; the caller must handle it.

        Args:
            windows: n prepared histories.
        """
        returns, stored, sigma = windows.returns, windows.stored, windows.sigma
        values = features.contract_features(windows.rates, returns)
        step = self._step(returns, sigma, stored)
        half, scales = self._half_widths(windows, windows.clean_returns, sigma, windows.lengths)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            prediction = values[:, 0] * np.exp(step)
            lower = prediction[:, None] * np.exp(-half)
            upper = prediction[:, None] * np.exp(half)
        expected = self._feature_ranges.of(windows.pairs)
        scores, drifted = classic_drift.drift(values, expected, self._std_threshold)
        adaptive = windows.lengths >= ADAPTIVE_LENGTH
        floored = features.floored(sigma, stored)
        optional = None
        if self._optional is not None:
            optional = self._optional.forecast(prediction, scales, half, windows.lengths)
        return Forecasts(values, prediction, lower, upper, adaptive, floored, scores, drifted, optional)

    def hindcast(self, windows: Windows) -> Hindcasts:
        """Forecast each history's newest rate from the rates before it, to measure live accuracy without a store.

        Args:
            windows: n prepared histories of at least four rates each.
        """
        newest, earlier = windows.returns[:, -1], windows.clean_returns[:, :-1]
        sigma = windows.sigma_before
        step = self._step(windows.returns[:, :-1], sigma, windows.stored)
        error = np.abs(newest - step)
        half, _ = self._half_widths(windows, earlier, sigma, windows.lengths - 1)
        return Hindcasts(error, np.abs(newest), error / sigma, error[:, None] <= half)

    def _step(
        self, returns: NDArray[np.float64], sigma: NDArray[np.float64], stored: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the forecast log returns, ``(n,)``."""
        if self._centre_model is None or not self._shrinkage:
            return np.zeros(len(sigma))
        step = self._centre_model.predict(features.model_inputs(returns, sigma, stored)).reshape(len(sigma))
        result: NDArray[np.float64] = self._shrinkage * step * sigma
        return result

    def _half_widths(
        self,
        windows: Windows,
        returns: NDArray[np.float64],
        sigma: NDArray[np.float64],
        lengths: NDArray[np.intp],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the half widths of the ranges in log returns and their scales, ``(n, 2)`` each, columns LEVELS.

        Args:
            windows: the histories.
            returns: their returns up to the rate that is forecast from.
            sigma: volatility of these returns, ``(n,)``.
            lengths: number of rates up to there, ``(n,)``.
        """
        scales = ranges.range_scales(returns, sigma, windows.stored, windows.recent)
        if self._exponent:
            adaptive = lengths >= ADAPTIVE_LENGTH
            forest = adaptive & ~features.floored(sigma, windows.stored)
            if forest.all():
                scales = scales * self._factors(returns, sigma, scales)
            elif forest.any():
                scales[forest] *= self._factors(returns[forest], sigma[forest], scales[forest])
        quantiles = self._quantiles[np.searchsorted(self._lengths, lengths, side="right") - 1]
        return ranges.half_widths(quantiles, scales), scales

    def _factors(
        self, returns: NDArray[np.float64], sigma: NDArray[np.float64], scales: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the factors of the scales, ``(n, 2)``."""
        factors = self._range_model.predict(range_inputs(returns, sigma, scales[:, 0]))
        return factors if self._exponent == 1 else factors**self._exponent


def _quantile_table(stats: TrainingStats) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the history lengths, ascending, ``(k,)``, and the quantiles of each at each of ``LEVELS``, ``(k, 2)``."""
    lengths = sorted(stats.intervals[LEVELS[0]])
    table = np.array([[stats.intervals[level][length] for level in LEVELS] for length in lengths])
    return np.array(lengths, dtype=np.intp), table
