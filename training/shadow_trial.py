"""Decides by live figures whether a shadow model may take over from the champion (the model in use). Pure.

The rule is that of `ratecast retrain` on held-back days (`training.model_comparison.objections`), on forecasts that
workers made with both models. Two conditions are added: there must be enough forecasts, and the ranges must hold about
as many rates as they promise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from ratecast.model.accuracy_measures import error_ratio
from ratecast.model.ranges import LEVELS
from training import model_comparison
from training.model_comparison import PAIR_TOLERANCE, TOLERANCE, Duel, Scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitoring.windows.shadow_comparison import ModelSums, PairSums

# The tolerances were measured on 60 days of 20 pairs. On fewer forecasts honest refits differ by more.
FORECASTS = 1_200
PAIR_FORECASTS = 60
# A share of n rates is off target beyond this many binomial standard errors, as for the alert RatecastCoverageOff. With
# many forecasts that would be less than the 1.5 points that training promises for a pair.
OFF_TARGET = 4.0
LEAST_OFF_TARGET = 0.015


@dataclass(frozen=True)
class TrialLimits:
    """When a shadow model may take over.

    Attributes:
        forecasts: least number of compared forecasts.
        tolerance: accept it if its scores are at most this share worse than the champion's.
        pair_tolerance: accept it if the score of each pair with `PAIR_FORECASTS` is at most this share worse.
    """

    forecasts: int = FORECASTS
    tolerance: float = TOLERANCE
    pair_tolerance: float = PAIR_TOLERANCE


@dataclass(frozen=True)
class Trial:
    """Both models on the same live forecasts; the challenger is the shadow model.

    Attributes:
        all: scores on all forecasts.
        pairs: pair -> scores on its forecasts; pairs without a forecast are missing.
        unjudged: pairs with too few forecasts to be judged alone.
        objections: why the shadow model may not take over; empty if it may.
    """

    all: Duel
    pairs: dict[str, Duel]
    unjudged: tuple[str, ...]
    objections: tuple[str, ...]


def judge(sums: Mapping[str, PairSums], limits: TrialLimits) -> Trial:
    """Compare both models.

    Args:
        sums: pair -> sums over all workers, at least one forecast together.
        limits: when the shadow model may take over.
    """
    found = {pair: of_pair for pair, of_pair in sums.items() if of_pair.forecasts}
    everything = _duel(reduce(add, found.values()))
    pairs = {pair: _duel(of_pair) for pair, of_pair in sorted(found.items())}
    judged = {pair: duel for pair, duel in pairs.items() if duel.champion.n >= PAIR_FORECASTS}
    objections = (
        *_too_few(everything.champion.n, limits.forecasts),
        *model_comparison.objections(everything, judged, limits.tolerance, limits.pair_tolerance),
        *_narrow_range(everything, limits.tolerance),
        *_off_target(everything),
    )
    return Trial(everything, pairs, tuple(pair for pair in pairs if pair not in judged), objections)


def _duel(sums: PairSums) -> Duel:
    return Duel(
        *(_scores(model, sums.forecasts, sums.last_rate_error) for model in (sums.champion, sums.shadow))
    )


def _scores(sums: ModelSums, n: int, last_rate_error: float) -> Scores:
    ratio = error_ratio(sums.error, last_rate_error)
    return Scores(
        n=n,
        mae=sums.error / n,
        mae_ratio=1.0 if ratio is None else ratio,
        coverage={level: inside / n for level, inside in zip(LEVELS, sums.inside, strict=True)},
        winkler={level: score / n for level, score in zip(LEVELS, sums.winkler, strict=True)},
    )


def _too_few(n: int, needed: int) -> Iterator[str]:
    if n < needed:
        yield f"only {n:,} forecasts were compared, and {needed:,} are needed"


def _narrow_range(everything: Duel, tolerance: float) -> Iterator[str]:
    before, after = everything.champion.winkler["80"], everything.challenger.winkler["80"]
    yield from model_comparison.worse("Winkler score 80", before, after, tolerance)


def _off_target(everything: Duel) -> Iterator[str]:
    """Yield the levels whose coverage is off target by too much, unless the champion's is off by as much.

    In a wild month both models' ranges hold too few rates; then the better one should take over.
    """
    n = everything.challenger.n
    for level in LEVELS:
        target, held = int(level) / 100, everything.challenger.coverage[level]
        limit = max(LEAST_OFF_TARGET, OFF_TARGET * math.sqrt(target * (1 - target) / n))
        distance = abs(held - target)
        if distance > limit and distance > abs(everything.champion.coverage[level] - target):
            yield (
                f"its {level} % range held {100 * held:.1f} % of the rates, more than {100 * limit:.1f} points off"
            )
