"""Compares a shadow model with the champion (the model in use) on the same forecasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.accuracy_measures import winkler_scores
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratecast.model.training_stats import TrainingStats
    from ratecast.scoring.observations import HindcastErrors


@dataclass(frozen=True, slots=True)
class ModelSums:
    """Sums over the compared forecasts of one pair, in units of the champion's sigma of the pair."""

    error: float  # |actual - forecast|
    winkler: tuple[float, ...]  # one for each level
    inside: tuple[int, ...]  # rates inside the range, one for each level

    def __add__(self, other: ModelSums) -> ModelSums:
        return ModelSums(
            self.error + other.error,
            tuple(a + b for a, b in zip(self.winkler, other.winkler, strict=True)),
            tuple(a + b for a, b in zip(self.inside, other.inside, strict=True)),
        )


@dataclass(frozen=True, slots=True)
class PairSums:
    """Sums of both models over the same forecasts of one pair; those of several workers or pairs can be added."""

    forecasts: int
    last_rate_error: float  # of repeating the last rate, in units of the champion's sigma
    champion: ModelSums
    shadow: ModelSums

    def __add__(self, other: PairSums) -> PairSums:
        return PairSums(
            self.forecasts + other.forecasts,
            self.last_rate_error + other.last_rate_error,
            self.champion + other.champion,
            self.shadow + other.shadow,
        )


def compare(
    champion: HindcastErrors,
    shadow: HindcastErrors,
    champion_stats: TrainingStats,
    shadow_stats: TrainingStats,
) -> dict[str, PairSums]:
    """Return sums by pair over the messages of one partition that both models forecast.

    A message does not count if either model sees a fault of the feed in it, or if the two take it for different pairs
    (each has its own default pair). Both models' errors are in the champion's unit, as in
    `training.model_comparison.aligned`, because a model whose sigma is too large would flatter itself.

    Args:
        champion: hindcasts of the model in use.
        shadow: hindcasts of the shadow model.
        champion_stats: statistics of the model in use, for its pairs and their sigmas.
        shadow_stats: statistics of the shadow model.
    """
    _, ours, theirs = np.intersect1d(
        champion.offsets, shadow.offsets, assume_unique=True, return_indices=True
    )
    pairs = list(champion_stats.pairs)
    positions = {pair: row for row, pair in enumerate(pairs)}
    known = np.array([positions.get(pair, -1) for pair in shadow_stats.pairs], dtype=np.intp)
    rows = champion.pair_rows[ours]
    sigma = np.array([pair.sigma for pair in champion_stats.pairs.values()])[rows]
    one, other = _columns(champion, ours, sigma), _columns(shadow, theirs, sigma)
    naive = champion.naive[ours] / sigma
    counted = (
        (known[shadow.pair_rows[theirs]] == rows)
        & ~(champion.alerted[ours] | shadow.alerted[theirs])
        & np.isfinite(one).all(axis=1)
        & np.isfinite(other).all(axis=1)
    )
    found = {}
    for row in np.unique(rows[counted]).tolist():
        chosen = counted & (rows == row)
        found[pairs[row]] = PairSums(
            int(chosen.sum()), float(naive[chosen].sum()), _sums(one[chosen]), _sums(other[chosen])
        )
    return found


def _columns(
    hindcasts: HindcastErrors, chosen: NDArray[np.intp], sigma: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return error, Winkler score of each level, and inside of each level, ``(n, 1 + 2 * levels)``."""
    error, half = hindcasts.error[chosen] / sigma, hindcasts.half[chosen] / sigma[:, None]
    scores = [winkler_scores(error, half[:, c], int(level) / 100) for c, level in enumerate(LEVELS)]
    return np.column_stack((error, *scores, hindcasts.inside[chosen]))


def _sums(columns: NDArray[np.float64]) -> ModelSums:
    error, *others = columns.sum(axis=0).tolist()
    return ModelSums(error, tuple(others[: len(LEVELS)]), tuple(map(int, others[len(LEVELS) :])))
