"""Turns the optional fields of a batch, which are columns, into those of each prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.wire import HorizonRow, IntervalsRow
from ratecast.scoring.target import target_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.contract.inputs import Message
    from ratecast.contract.wire import PredictionRow
    from ratecast.model.optional_forecasts import OptionalForecasts


class OptionalRows:
    """The fields ``horizons`` and ``quantiles`` of the predictions of a batch.

    A field that float64 cannot hold is absent from its prediction: the forecast of the next rate, which float64 can
    hold, must not be lost for it.

    Args:
        forecasts: the optional fields of the batch.
    """

    def __init__(self, forecasts: OptionalForecasts) -> None:
        self._fields = forecasts.fields
        # Whole columns become lists first: indexing an array element by element takes thirty times as long.
        self._lower, self._upper = forecasts.lower.tolist(), forecasts.upper.tolist()
        self._quantiles = forecasts.quantiles.tolist()
        fits = (forecasts.lower > 0) & np.isfinite(forecasts.upper)
        self._horizons_fit = _rows(fits)
        rates_fit = (forecasts.quantiles > 0) & np.isfinite(forecasts.quantiles)
        self._quantiles_fit = _rows(rates_fit)

    def fill(self, prediction: PredictionRow, row: int, message: Message) -> None:
        """Set the optional fields of a prediction.

        Args:
            prediction: the prediction.
            row: its row in the batch.
            message: its message.
        """
        fields = self._fields
        if fields.horizons and self._horizons_fit[row]:
            bounds = zip(fields.horizons, self._lower[row], self._upper[row], strict=True)
            prediction.horizons = [
                HorizonRow(
                    steps, IntervalsRow((low_80, high_80), (low_95, high_95)), target_of(message, steps)
                )
                for steps, (low_80, low_95), (high_80, high_95) in bounds
            ]
        if fields.quantiles and self._quantiles_fit[row]:
            prediction.quantiles = dict(zip(fields.quantiles, self._quantiles[row], strict=True))


def _rows(fits: NDArray[np.bool_]) -> list[bool]:
    """Return whether all numbers of each row fit, ``(n,)``."""
    result: list[bool] = np.logical_and.reduce(fits.reshape(len(fits), -1), axis=1).tolist()
    return result
