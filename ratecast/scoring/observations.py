"""What live monitoring learns from a scored batch: pure, arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.contract.messages import MIN_HISTORY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ratecast.model.forecast import Forecaster, Forecasts, Windows


@dataclass(frozen=True, slots=True)
class Judged:
    """Messages whose newest rate says how good the forecast before it was; one row each.

    In the order of the partition. A message without a finite hindcast has NaN in ``error``, ``naive`` or ``z``.
    """

    pair_rows: NDArray[np.intp]  # (m,)
    error: NDArray[np.float64]  # (m,), |log of the newest rate - log of its hindcast|
    naive: NDArray[np.float64]  # (m,), the same of the last rate as the forecast
    inside: NDArray[np.bool_]  # (m, 2), whether the range held it, columns LEVELS
    z: NDArray[np.float64]  # (m,), error / sigma before the newest rate
    alerted: NDArray[np.bool_]  # (m,), a fault of the feed or a weekend's repeated rate: nothing of the model


@dataclass(frozen=True, slots=True)
class Observations:
    """Of one batch scored by one model; positions of pairs are that model's."""

    model_version: str
    pair_rows: NDArray[np.intp]  # (n,), of messages whose newest rate is sound
    features: NDArray[np.float64]  # (n, 5), of the same; columns FEATURE_NAMES
    judged: Judged


def observe(
    forecaster: Forecaster,
    windows: Windows,
    forecasts: Forecasts,
    faulty: NDArray[np.bool_],
    kept: NDArray[np.bool_],
) -> Observations:
    """What to remember of a batch.

    Args:
        forecaster: the model that scored it.
        windows: its histories.
        forecasts: of those.
        faulty: whose newest rate is not to be believed or no observation, ``(n,)``.
        kept: which were published as predictions, ``(n,)``.
    """
    # A hindcast is a forecast from one rate less, and a forecast takes MIN_HISTORY of them.
    judged = kept & (windows.lengths > MIN_HISTORY)
    hindcasts = forecaster.hindcast(windows).where(judged)
    # A feed that hangs is no market that has calmed down: windowed drift is to tell the one from the other.
    sound = kept & ~faulty
    return Observations(
        model_version=forecaster.version,
        pair_rows=windows.pairs[sound],
        features=forecasts.features[sound],
        judged=Judged(
            windows.pairs[judged],
            hindcasts.error,
            hindcasts.naive,
            hindcasts.inside,
            hindcasts.standardised,
            faulty[judged],
        ),
    )
