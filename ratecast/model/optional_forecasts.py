"""The optional fields of a batch of forecasts: ranges for several steps ahead, and quantiles of the next rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import ModelBundleError
from ratecast.model.horizons import horizon_half_widths
from ratecast.model.quantiles import CENTRAL_LEVELS, central_half_widths, quantile_steps
from ratecast.model.ranges import LEVELS
from ratecast.optional_fields import HORIZONS, QUANTILES, OptionalFields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.training_stats import TrainingStats


@dataclass(frozen=True)
class OptionalForecasts:
    """Optional fields of a batch, one row for each history; a value that float64 cannot hold is inf, NaN or 0."""

    fields: OptionalFields
    lower: NDArray[np.float64]  # (n, horizons, 2), columns LEVELS
    upper: NDArray[np.float64]  # (n, horizons, 2)
    quantiles: NDArray[np.float64]  # (n, quantiles), ascending


def available(stats: TrainingStats) -> OptionalFields:
    """Return the optional fields that a model has tables for."""
    horizons = tuple(steps for steps in HORIZONS if steps in stats.horizons)
    has_quantiles = stats.central_ranges.keys() >= set(CENTRAL_LEVELS)
    return OptionalFields(horizons, QUANTILES if has_quantiles else ())


def require(stats: TrainingStats, wanted: OptionalFields) -> None:
    """Check that a model has the tables for some optional fields.

    Raises:
        ModelBundleError: it lacks one. The message names it.
    """
    known = available(stats)
    missing = [f"{steps} steps ahead" for steps in wanted.horizons if steps not in known.horizons]
    if wanted.quantiles and not known.quantiles:
        missing.append("quantiles")
    if missing:
        raise ModelBundleError(
            f"model {stats.model_version} has no table for {', '.join(missing)}, as it was trained on too few rates or by "
            "an earlier version of ratecast: run `ratecast train` again"
        )


class OptionalTables:
    """The tables of a model for the optional fields.

    The ranges for some steps do not depend on which other steps are wanted.

    Args:
        stats: the bundle's training statistics.
        fields: the fields that are wanted.

    Raises:
        ModelBundleError: the model has no table for one of them.
    """

    def __init__(self, stats: TrainingStats, fields: OptionalFields) -> None:
        require(stats, fields)
        known = available(stats)
        self.fields = fields
        self._steps = [known.horizons.index(steps) for steps in fields.horizons]
        lengths = sorted(stats.intervals[LEVELS[0]])
        self._lengths = np.array(lengths)
        self._horizons = np.array(
            [
                [[stats.horizons[steps][level][n] for level in LEVELS] for steps in known.horizons]
                for n in lengths
            ]
        ).reshape(len(lengths), len(known.horizons), len(LEVELS))
        central = CENTRAL_LEVELS if known.quantiles else ()
        self._central = np.array([[stats.central_ranges[level][n] for level in central] for n in lengths])

    def forecast(
        self,
        prediction: NDArray[np.float64],
        scales: NDArray[np.float64],
        half: NDArray[np.float64],
        lengths: NDArray[np.intp],
    ) -> OptionalForecasts:
        """Return the optional fields of a batch.

        Args:
            prediction: forecasts of the next rate, ``(n,)``.
            scales: scales of its ranges, ``(n, 2)``.
            half: half widths of its ranges in log returns, ``(n, 2)``.
            lengths: number of rates of each history, ``(n,)``.
        """
        rows = np.searchsorted(self._lengths, lengths, side="right") - 1
        widths = np.zeros((len(prediction), 0, len(LEVELS)))
        if self.fields.horizons:
            widths = horizon_half_widths(self._horizons[rows], scales, half)[:, self._steps]
        steps = np.zeros((len(prediction), 0))
        if self.fields.quantiles:
            central = central_half_widths(self._central[rows], scales, half)
            steps = quantile_steps(central, self.fields.quantiles)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            centre = prediction[:, None, None]
            return OptionalForecasts(
                self.fields,
                centre * np.exp(-widths),
                centre * np.exp(widths),
                prediction[:, None] * np.exp(steps),
            )
