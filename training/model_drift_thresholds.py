"""Learns the reference of the model drift score, and the score that clean windows stay below.

The threshold comes from a walk over training: at each New Year from the ninth year on, windows of the next three years
are compared with the years before, as a worker compares live messages with a model of that day. The threshold is the
score that ``FALSE_ALARMS`` of these windows exceed. It is one for all pairs. A pair has six windows that do not overlap
in 20 years, so a threshold of its own is chance. Share of clean windows above it, in the three years after training
(six after 2020), wanted 2.5 %:

==========  =============  =============  =============  =============
            250 messages                  500 messages
----------  ----------------------------  ----------------------------
trained to  of all pairs   of each pair   of all pairs   of each pair
==========  =============  =============  =============  =============
2011        2.8 %          13.6 %         4.3 %          34.4 %
2014        4.1 %          21.5 %         11.9 %         29.8 %
2017        1.0 %          3.5 %          0.2 %          0.9 %
2020        1.1 %          3.7 %          0.5 %          3.9 %
==========  =============  =============  =============  =============

In 2015 to 2017 it is EUR/CNY and the pairs of the dollar, which moved as one block. (The gate was off at the end of
2014. Its row uses the importances of 2011.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows.feature_drift import kolmogorov_smirnov
from monitoring.windows.model_drift import binned
from ratecast.model.features import floored
from ratecast.model.model_drift_reference import ModelDriftReference
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.references import WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from training.dataset import Rows

BINS = 20
WINDOW_LENGTHS = (250, 300, 400, WINDOW_MESSAGES)
FALSE_ALARMS = 0.025  # share of clean windows above the threshold
MIN_VALUES = 2000  # eight years of days, as for the drift of single features
YEARS = 3  # windows of the walk are from this many years after the reference
STRIDE = 25  # messages between two windows
MIN_WINDOWS = 100  # fewer give no quantile
DIGITS = 4  # significant digits; values are counted after rounding, so the counts are exact


def model_drift_reference(
    pairs: Sequence[str], rows: Rows, importances: Mapping[str, float], pooled: NDArray[np.bool_]
) -> ModelDriftReference | None:
    """Return the reference; None if no input matters or there are too few windows to learn a threshold.

    Args:
        pairs: names of the pairs.
        rows: all rows of these pairs.
        importances: input of the range forest -> its share of the importance.
        pooled: which pairs the edges and thresholds come from, ``(p,)``.
    """
    rows = rows.where(~floored(rows.sigma, rows.stored))  # there the forest is not used
    common = rows.range_inputs[pooled[rows.pair]]
    if not importances or not len(common):
        return None
    edges = [_edges(column) for column in common.T]
    weights = np.array([importances[name] for name in RANGE_INPUT_NAMES])
    counts: dict[str, NDArray[np.int64]] = {}
    walked: dict[int, list[NDArray[np.float64]]] = {length: [] for length in WINDOW_LENGTHS}
    for position, pair in enumerate(pairs):
        of_pair = rows.where(rows.pair == position)
        if len(of_pair) < MIN_VALUES:
            continue
        seen = _seen(binned(of_pair.range_inputs, edges), max(map(len, edges)) + 1)
        counts[pair] = seen[-1]
        if pooled[position]:
            for length, found in walked.items():
                found.extend(drifts @ weights for drifts in _walk(of_pair.date, seen, length))
    scores = {length: np.concatenate([*found, np.zeros(0)]) for length, found in walked.items()}
    if min(map(len, scores.values())) < MIN_WINDOWS:
        return None
    return ModelDriftReference(
        importances=dict(importances),
        edges={name: tuple(of.tolist()) for name, of in zip(RANGE_INPUT_NAMES, edges, strict=True)},
        counts={
            pair: {
                name: tuple(of[column, : len(edges[column]) + 1].tolist())
                for column, name in enumerate(RANGE_INPUT_NAMES)
            }
            for pair, of in counts.items()
        },
        thresholds={
            length: _rounded(float(np.quantile(found, 1 - FALSE_ALARMS))) for length, found in scores.items()
        },
    )


def _walk(
    dates: NDArray[np.datetime64], seen: NDArray[np.int64], length: int
) -> Iterator[NDArray[np.float64]]:
    """Yield for each New Year the drifts of the windows of the years after it, ``(w, 11)``, as a worker measures them.

    Args:
        dates: days of the pair's rows, ``(n,)``.
        seen: values in each bin before each row, ``(n + 1, 11, bins)``.
        length: messages in a window.
    """
    years = dates.astype("datetime64[Y]")
    for year in np.unique(years)[1:]:
        known = int(np.searchsorted(years, year))
        stop = int(np.searchsorted(years, year + np.timedelta64(YEARS, "Y")))
        ends = np.arange(known + length, stop + 1, STRIDE)
        if known < MIN_VALUES or not len(ends):
            continue
        windows = seen[ends] - seen[ends - length]
        flat = windows.reshape(-1, windows.shape[-1])
        training = np.tile(seen[known], (len(ends), 1))
        yield kolmogorov_smirnov(flat, training).reshape(len(ends), -1)


def _seen(bins: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """Return how many values fell into each bin before each row, and after the last one, ``(n + 1, 11, count)``."""
    rows, columns = bins.shape
    seen = np.zeros((rows + 1, columns, count), dtype=np.int64)
    seen[np.arange(1, rows + 1)[:, None], np.arange(columns), bins] = 1
    return np.cumsum(seen, axis=0, out=seen)


def _edges(values: NDArray[np.float32]) -> NDArray[np.float64]:
    quantiles = np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return np.unique([_rounded(value) for value in quantiles.tolist()])


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
