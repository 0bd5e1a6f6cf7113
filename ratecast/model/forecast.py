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
from ratecast.model.weighted_sums import WeightedSums, before_and_now

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
    """Forecasts of a batch; every array has one row per history, in the order given."""

    features: NDArray[np.float64]  # (n, 5), columns FEATURE_NAMES
    prediction: NDArray[np.float64]  # (n,)
    lower: NDArray[np.float64]  # (n, 2), columns LEVELS
    upper: NDArray[np.float64]  # (n, 2)
    adaptive: NDArray[np.bool_]  # (n,), False where the range uses the volatility from training
    floored: NDArray[np.bool_]  # (n,), True where the volatility is so low that the range uses the floor
    drift_scores: NDArray[np.float64]  # (n, 5), (x - mean) / std
    drifted: NDArray[np.bool_]  # (n, 5), by the classic rule
    range_inputs: NDArray[np.float32]  # (n, 11), columns RANGE_INPUT_NAMES; NaN where the forest is not used
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
        before, now = before_and_now(returns)
        stored, recent = self._sigma[pair_rows], self._recent[pair_rows]
        return Windows(
            pairs=pair_rows,
            lengths=lengths,
            rates=rates,
            returns=returns,
            sums=now,
            sums_before=before,
            stored=stored,
            recent=recent,
            sigma=features.ewma_volatility(now, stored, recent),
            sigma_before=features.ewma_volatility(before, stored, recent),
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
        seen = np.full((len(windows), len(RANGE_INPUT_NAMES)), np.nan, dtype=np.float32)
        scales = self._scales(windows, windows.sums, sigma, seen)
        half = ranges.half_widths(self._quantiles_of(windows.lengths), scales)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            prediction = values[:, 0] * np.exp(step)
            lower = prediction[:, None] * np.exp(-half)
            upper = prediction[:, None] * np.exp(half)
        expected = self._feature_ranges.of(windows.pairs)
        scores, drifted = classic_drift.drift(values, expected, self._std_threshold)
        optional = None
        if self._optional is not None:
            optional = self._optional.forecast(prediction, scales, half, windows.lengths)
        return Forecasts(
            features=values,
            prediction=prediction,
            lower=lower,
            upper=upper,
            adaptive=_adaptive(windows.sums),
            floored=features.floored(sigma, stored),
            drift_scores=scores,
            drifted=drifted,
            range_inputs=seen,
            optional=optional,
        )

    def hindcast(self, windows: Windows) -> Hindcasts:
        """Forecast each history's newest rate from the rates before it, to measure live accuracy without a store.

        Args:
            windows: n prepared histories of at least four rates each.
        """
        newest, sigma = windows.returns[:, -1], windows.sigma_before
        step = self._step(windows.returns[:, :-1], sigma, windows.stored)
        error = np.abs(newest - step)
        scales = self._scales(windows, windows.sums_before, sigma)
        half = ranges.half_widths(self._quantiles_of(windows.lengths - 1), scales)
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
        """Return the quantiles for histories of so many rates, ``(n, 2)``, columns LEVELS."""
        quantiles: NDArray[np.float64] = self._quantiles[
            np.searchsorted(self._lengths, lengths, side="right") - 1
        ]
        return quantiles

    def _scales(
        self,
        windows: Windows,
        sums: WeightedSums,
        sigma: NDArray[np.float64],
        seen: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float64]:
        """Return the scales of the ranges in log returns, ``(n, 2)``, columns LEVELS.

        Args:
            windows: the histories.
            sums: sums of their returns up to the rate that is forecast from.
            sigma: volatility of these returns, ``(n,)``.
            seen: receives the inputs of the range forest, ``(n, 11)``, in the rows that it is used for.
        """
        scales = ranges.range_scales(sums, sigma, windows.stored, windows.recent)
        if self._exponent:
            forest = _adaptive(sums) & ~features.floored(sigma, windows.stored)
            if forest.any():
                chosen = selection(forest)
                inputs = range_inputs(sums, sigma, scales[:, 0])[chosen]
                factors = self._range_model.predict(inputs)
                scales[chosen] *= factors if self._exponent == 1 else factors**self._exponent
                if seen is not None:
                    seen[chosen] = inputs
        return scales


def selection(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | slice:
    """Return an index of the rows that a mask selects: a slice if it selects all, which copies nothing."""
    return slice(None) if mask.all() else mask


def _adaptive(sums: WeightedSums) -> NDArray[np.bool_]:
    """Return which histories have enough returns for a volatility of their own, ``(n,)``.

    Returns that are left out do not count: of a feed that is stuck nothing may be left, however long its history is.
    """
    enough: NDArray[np.bool_] = sums.counts >= ADAPTIVE_LENGTH - 1
    return enough


def _quantile_table(stats: TrainingStats) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the history lengths, ascending, ``(k,)``, and the quantiles of each at each of ``LEVELS``, ``(k, 2)``."""
    lengths = sorted(stats.intervals[LEVELS[0]])
    table = np.array([[stats.intervals[level][length] for level in LEVELS] for length in lengths])
    return np.array(lengths, dtype=np.intp), table
