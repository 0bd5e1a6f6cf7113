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

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model import classic_drift, features, ranges
from ratecast.model.features import ADAPTIVE_LENGTH
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.optional_forecasts import OptionalTables
from ratecast.model.range_inputs import RANGE_INPUT_NAMES, range_inputs
from ratecast.model.ranges import LEVELS
from ratecast.model.rate_windows import Windows
from ratecast.model.weighted_sums import before_and_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.model.bundle import Bundle
    from ratecast.model.onnx_model import Regressor
    from ratecast.model.optional_forecasts import OptionalForecasts
    from ratecast.model.training_stats import TrainingStats
    from ratecast.optional_fields import OptionalFields


@dataclass(frozen=True)
class Hindcasts:
    """Forecasts of each newest rate from the rates before it, compared with that rate; log returns, a row per history."""

    error: NDArray[np.float64]  # (n,), |newest - hindcast|
    naive: NDArray[np.float64]  # (n,), |newest - rate before it|
    standardised: NDArray[np.float64]  # (n,), error / sigma before the newest rate
    inside: NDArray[np.bool_]  # (n, 2), whether the range contained the newest rate, columns LEVELS
    half: NDArray[np.float64]  # (n, 2), half widths of the ranges, columns LEVELS

    def where(self, mask: NDArray[np.bool_] | slice) -> Hindcasts:
        """Return the hindcasts that an index selects."""
        return Hindcasts(
            self.error[mask], self.naive[mask], self.standardised[mask], self.inside[mask], self.half[mask]
        )


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of a batch by one model; every array has one row per history, in the order given."""

    model_version: str
    features: NDArray[np.float64]  # (n, 5), columns FEATURE_NAMES
    prediction: NDArray[np.float64]  # (n,)
    lower: NDArray[np.float64]  # (n, 2), columns LEVELS
    upper: NDArray[np.float64]  # (n, 2)
    adaptive: NDArray[np.bool_]  # (n,), False where the range uses the volatility from training
    floored: NDArray[np.bool_]  # (n,), True where the volatility is so low that the range uses the floor
    drift_scores: NDArray[np.float64]  # (n, 5), (x - mean) / std
    drifted: NDArray[np.bool_]  # (n, 5), by the classic rule
    range_inputs: NDArray[np.float32]  # (n, 11), columns RANGE_INPUT_NAMES; NaN where the forest is not used
    hindcasts: Hindcasts
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
        lengths = np.fromiter(map(len, histories), np.intp, len(histories))
        return self.windows_of(features.window_matrix(histories), lengths, pair_rows)

    def windows_of(
        self, rates: NDArray[np.float64], lengths: NDArray[np.intp], pair_rows: NDArray[np.intp]
    ) -> Windows:
        """Prepare histories that are a window matrix already.

        Args:
            rates: the histories, ``(n, WINDOW)``.
            lengths: number of rates of each before it was cut to the window, ``(n,)``.
            pair_rows: index of each history's pair in ``self.pairs``, ``(n,)``.
        """
        returns = features.log_returns(rates)
        sums = before_and_now(returns)
        twice = np.concatenate((pair_rows, pair_rows))
        stored, recent = self._sigma[twice], self._recent[twice]
        return Windows(
            pairs=pair_rows,
            lengths=lengths,
            rates=rates,
            returns=returns,
            sums=sums,
            stored_twice=stored,
            recent_twice=recent,
            sigmas=features.ewma_volatility(sums, stored, recent),
        )

    def forecast(self, windows: Windows) -> Forecasts:
        """Forecast each history's next rate, and its newest rate from the rates before it.

        A result that float64 cannot hold is inf or NaN in its row; the caller must handle it. So must it with the
        hindcasts of histories of three rates, which are one rate too short.

        Args:
            windows: n prepared histories.
        """
        count = len(windows)
        values = features.contract_features(windows.rates, windows.returns)
        floored = features.floored(windows.sigmas, windows.stored_twice)
        adaptive: NDArray[np.bool_] = windows.sums.counts >= ADAPTIVE_LENGTH - 1
        scales, seen = self._scales(windows, adaptive & ~floored)
        half = ranges.half_widths(self._quantiles_of(windows.lengths), scales)
        half_before, half = half[:count], half[count:]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            prediction = values[:, 0] * np.exp(self._step(windows.returns, windows.sigma, windows.stored))
            lower = prediction[:, None] * np.exp(-half)
            upper = prediction[:, None] * np.exp(half)
        expected = self._feature_ranges.of(windows.pairs)
        scores, drifted = classic_drift.drift(values, expected, self._std_threshold)
        optional = None
        if self._optional is not None:
            optional = self._optional.forecast(prediction, scales[count:], half, windows.lengths)
        return Forecasts(
            model_version=self.version,
            features=values,
            prediction=prediction,
            lower=lower,
            upper=upper,
            adaptive=adaptive[count:],
            floored=floored[count:],
            drift_scores=scores,
            drifted=drifted,
            range_inputs=seen[count:],
            hindcasts=self._hindcasts(windows, half_before),
            optional=optional,
        )

    def _hindcasts(self, windows: Windows, half: NDArray[np.float64]) -> Hindcasts:
        """Compare each newest rate with its forecast, to measure live accuracy without a store.

        Args:
            windows: the histories.
            half: half widths of the ranges of their newest rates, ``(n, 2)``.
        """
        newest, sigma = windows.returns[:, -1], windows.sigma_before
        error = np.abs(newest - self._step(windows.returns[:, :-1], sigma, windows.stored))
        return Hindcasts(error, np.abs(newest), error / sigma, error[:, None] <= half, half)

    def _step(
        self, returns: NDArray[np.float64], sigma: NDArray[np.float64], stored: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the forecast log returns, ``(n,)``."""
        if self._centre_model is None or not self._shrinkage:
            return np.zeros(len(sigma))
        step = self._centre_model.predict(features.model_inputs(returns, sigma, stored)).reshape(len(sigma))
        result: NDArray[np.float64] = self._shrinkage * step * sigma
        return result

    def _quantiles_of(self, lengths: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the quantiles for histories without their newest rate, and then with it, ``(2 n, 2)``, columns LEVELS."""
        both = np.concatenate((lengths - 1, lengths))
        quantiles: NDArray[np.float64] = self._quantiles[self._lengths.searchsorted(both, side="right") - 1]
        return quantiles

    def _scales(
        self, windows: Windows, forest: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the scales of the ranges in log returns, and the inputs of the range forest.

        Args:
            windows: n histories.
            forest: the rows that the range forest is used for, ``(2 n,)``.

        Returns:
            Scales, ``(2 n, 2)``, columns LEVELS; inputs, ``(2 n, 11)``, NaN in the other rows.
        """
        sums, sigmas = windows.sums, windows.sigmas
        scales = ranges.range_scales(sums, sigmas, windows.stored_twice, windows.recent_twice)
        if not self._exponent or not forest.any():
            return scales, np.full((len(scales), len(RANGE_INPUT_NAMES)), np.nan, dtype=np.float32)
        inputs = range_inputs(sums, sigmas, scales[:, 0])
        chosen = selection(forest)
        factors = self._range_model.predict(inputs[chosen])
        scales[chosen] *= factors if self._exponent == 1 else factors**self._exponent
        inputs[~forest] = np.nan
        return scales, inputs


def selection(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | slice:
    """Return an index of the rows that a mask selects: a slice if it selects all, which copies nothing."""
    return slice(None) if mask.all() else mask


def _quantile_table(stats: TrainingStats) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the history lengths, ascending, ``(k,)``, and the quantiles of each at each of ``LEVELS``, ``(k, 2)``."""
    lengths = sorted(stats.intervals[LEVELS[0]])
    table = np.array([[stats.intervals[level][length] for level in LEVELS] for length in lengths])
    return np.array(lengths, dtype=np.intp), table
