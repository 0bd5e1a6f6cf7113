"""Permutation importance of each input of the range forest: how much worse the ranges are without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.accuracy_measures import winkler_scores
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.ranges import LEVELS
from training.conformal import conformal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.onnx_model import Regressor
    from training.dataset import Rows

REPEATS = 3
MOST_DAYS = 1000  # for the time it takes: 20 pairs on 1,000 days need about 2 s


def range_importances(
    forest: Regressor, exponent: float, rows: Rows, errors: NDArray[np.float64], seed: int
) -> dict[str, float]:
    """Return input -> its share of the importance of all inputs; empty if no input has any.

    The importance is the mean increase of the loss when the forest sees the input of another day (Breiman, Machine
    Learning 45, 2001; on days that the forest was not fitted to: Fisher, Rudin & Dominici, JMLR 20, 2019). A pair's
    values are permuted within the pair, and all pairs by the same permutation of the days, because the pairs of one day
    share its news. The base scale and the conformal quantiles stay as they are. The loss of a row is its Winkler score,
    relative to the mean of the level and summed over the levels, and each day counts once. Increases below 0 are chance
    and count as 0.

    Args:
        forest: the range forest, fitted to earlier days.
        exponent: exponent of its factors.
        rows: rows of later days.
        errors: absolute errors of these rows in units of the pair's stored sigma, ``(n,)``.
        seed: seed of the permutations.
    """
    days, day = np.unique(rows.date, return_inverse=True)
    if len(days) > MOST_DAYS:
        chosen = np.isin(day, np.linspace(0, len(days) - 1, MOST_DAYS).astype(np.intp))
        return range_importances(forest, exponent, rows.where(chosen), errors[chosen], seed)
    scales = rows.scales / rows.stored[:, None]
    half = scales * _factors(forest, rows.range_inputs, exponent)
    levels = [int(level) / 100 for level in LEVELS]
    quantiles = [conformal_quantile(errors / half[:, column], level) for column, level in enumerate(levels)]

    def losses(inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        half = scales * _factors(forest, inputs, exponent) * quantiles
        return np.column_stack([winkler_scores(errors, half[:, c], level) for c, level in enumerate(levels)])

    base = losses(rows.range_inputs)
    generator = np.random.default_rng(seed)
    increase = np.zeros(len(RANGE_INPUT_NAMES))
    for _ in range(REPEATS):
        source = _other_days(rows.pair, day, generator)
        for column in range(len(RANGE_INPUT_NAMES)):
            permuted = rows.range_inputs.copy()
            permuted[:, column] = rows.range_inputs[source, column]
            worse = ((losses(permuted) - base) / base.mean(axis=0)).sum(axis=1)
            increase[column] += (np.bincount(day, worse) / np.bincount(day)).mean()
    increase = np.maximum(increase, 0.0)
    if not increase.sum() > 0:
        return {}
    return dict(zip(RANGE_INPUT_NAMES, (increase / increase.sum()).round(4).tolist(), strict=True))


def _factors(forest: Regressor, inputs: NDArray[np.float32], exponent: float) -> NDArray[np.float64]:
    return np.asarray(forest.predict(inputs), dtype=np.float64) ** exponent


def _other_days(
    pair: NDArray[np.intp], day: NDArray[np.intp], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return for each row a row of the same pair, by one permutation of the days, ``(n,)``.

    >>> _other_days(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.random.default_rng(3)).tolist()
    [1, 0, 3, 2]
    """
    key = generator.permutation(int(day.max()) + 1)
    source = np.arange(len(pair))
    for position in np.unique(pair):
        at = np.flatnonzero(pair == position)
        source[at] = at[np.argsort(key[day[at]])]
    return source
