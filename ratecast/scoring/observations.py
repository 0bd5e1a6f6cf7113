"""Extracts from a scored batch the data that live monitoring needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.messages import MIN_HISTORY
from ratecast.model.features import WINDOW
from ratecast.model.forecast import selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.forecast import Forecasts
    from ratecast.model.rate_windows import Windows


@dataclass(frozen=True, slots=True)
class HindcastErrors:
    """Errors of forecasts whose answer is the newest rate of a message; one row per message, in partition order.

    A message without a finite hindcast has NaN in ``error``, ``naive`` or ``z``.
    """

    pair_rows: NDArray[np.intp]  # (m,)
    error: NDArray[np.float64]  # (m,), |log of the newest rate - log of its hindcast|
    naive: NDArray[np.float64]  # (m,), |log of the newest rate - log of the rate before it|
    inside: NDArray[np.bool_]  # (m, 2), whether the range contained the newest rate, columns LEVELS
    z: NDArray[np.float64]  # (m,), error / sigma before the newest rate
    alerted: NDArray[
        np.bool_
    ]  # (m,), a fault of the feed or a repeated weekend rate, which does not measure the model
    half: NDArray[np.float64]  # (m, 2), half widths of the ranges in log returns, columns LEVELS
    offsets: NDArray[np.int64]  # (m,), of the messages in their partition


@dataclass(frozen=True, slots=True)
class Observations:
    """Data of one batch scored by one model; pair rows are indexes into the model's pairs."""

    model_version: str
    pair_rows: NDArray[np.intp]  # (n,), for messages whose newest rate is no fault
    features: NDArray[np.float64]  # (n, 5), for these messages; columns FEATURE_NAMES
    hindcasts: HindcastErrors
    # The same for those of them that have full histories and for which the range forest was used.
    input_pair_rows: NDArray[np.intp]  # (k,)
    range_inputs: NDArray[np.float32]  # (k, 11), for these messages; columns RANGE_INPUT_NAMES


def observe(
    windows: Windows,
    forecasts: Forecasts,
    faulty: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    rows: slice = slice(None),
) -> Observations:
    """Collect the observations of a batch, or of some of its rows.

    Args:
        windows: the histories of the batch.
        forecasts: the forecasts for these histories.
        faulty: messages whose newest rate is a fault or a repeated weekend rate, ``(n,)``.
        kept: messages that were published as predictions, ``(n,)``.
        offsets: of the messages in their partition, ``(n,)``.
        rows: which rows.
    """
    pairs, lengths, offsets = windows.pairs[rows], windows.lengths[rows], offsets[rows]
    features, range_inputs = forecasts.features[rows], forecasts.range_inputs[rows]
    kept, faulty = kept[rows], faulty[rows]
    # A hindcast is a forecast from one rate less, and a forecast needs MIN_HISTORY rates.
    answered = selection(kept & (lengths > MIN_HISTORY))
    hindcasts = forecasts.hindcasts.where(rows).where(answered)
    # A stuck feed is not a calm market, so its messages must not count as drift.
    is_sound = kept & ~faulty
    sound = selection(is_sound)
    # The inputs of shorter histories have another distribution, for example their largest return is smaller.
    full = selection(is_sound & (lengths >= WINDOW) & ~np.isnan(range_inputs[:, 0]))
    return Observations(
        model_version=forecasts.model_version,
        pair_rows=pairs[sound],
        features=features[sound],
        hindcasts=HindcastErrors(
            pairs[answered],
            hindcasts.error,
            hindcasts.naive,
            hindcasts.inside,
            hindcasts.standardised,
            faulty[answered],
            hindcasts.half,
            offsets[answered],
        ),
        input_pair_rows=pairs[full],
        range_inputs=range_inputs[full],
    )
