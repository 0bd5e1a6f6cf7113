"""The three verdicts on top of the training report, each in words and a tone: is the forecast, the range, each pair good?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from training.report.regime_coverage import held_shares
from training.report.training_headline import (
    OFF_TARGET,
    SIGNIFICANT,
    centre_sentence,
    learner_named,
    width_sentence,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratecast.model.training_stats import TrainingStats
    from training.coverage_interval import HeldShare
    from training.evaluate import Evaluation, Metrics

Tone = Literal["good", "neutral", "caution", "bad"]

GREEN_POINTS = 100 * OFF_TARGET
RED_POINTS = 3.0
_WIDEST_INTERVAL = 2 * RED_POINTS / 100  # a wider one cannot tell green from red
_SEVERITY: tuple[Tone, ...] = ("good", "caution", "bad")
_ANSWERS: dict[Tone, str] = {
    "good": "usable",
    "caution": "usable with care",
    "bad": "do not rely on it",
}


@dataclass(frozen=True)
class Verdict:
    """A verdict: what it is about, the answer in a few words, how good that is, and why."""

    subject: str
    answer: str
    tone: Tone
    reason: str


def verdicts(
    stats: TrainingStats, evaluation: Evaluation, regimes: Mapping[str, Metrics]
) -> tuple[Verdict, ...]:
    """Returns the verdicts on the point forecast, on the range and on the weakest pair.

    Args:
        stats: statistics of the model in the bundle.
        evaluation: results of the test days.
        regimes: kind of day -> its metrics.
    """
    width = width_sentence(stats.range_factor.exponent, evaluation, learner_named(stats.range_estimator))
    centre = _point_forecast(stats.shrinkage.lambda_, evaluation.test, learner_named(stats.centre_estimator))
    return centre, _range(evaluation.test, regimes, width), _weakest_pair(evaluation.pairs)


def tone_of(share: HeldShare) -> Tone:
    """Returns how good a share is: see the rules on the page.

    >>> from training.coverage_interval import HeldShare
    >>> [tone_of(HeldShare(0.8, held, held - 0.02, held + 0.02)) for held in (0.786, 0.77, 0.76)]
    ['good', 'caution', 'bad']
    """
    points = round(100 * abs(share.held - share.promised), 9)
    if points <= GREEN_POINTS:
        return "good"
    explained = share.low <= share.promised <= share.high
    return "caution" if points <= RED_POINTS or explained else "bad"


def _point_forecast(lambda_: float, test: Metrics, name: str) -> Verdict:
    tested = test.diebold_mariano
    answer: str
    tone: Tone
    if lambda_ == 0:
        answer, tone = "use it as a baseline", "neutral"
    elif tested is None:
        answer, tone = "not known yet", "caution"
    elif test.mae_ratio < 1 and tested.p_value < SIGNIFICANT:
        answer, tone = "better than the last rate", "good"
    elif test.mae_ratio < 1:
        answer, tone = "hardly better than the last rate", "caution"
    else:
        answer, tone = "worse than the last rate", "bad"
    return Verdict("Point forecast", answer, tone, centre_sentence(lambda_, test, name))


def _range(test: Metrics, regimes: Mapping[str, Metrics], width: str) -> Verdict:
    shares = held_shares(test)
    held = " and ".join(
        f"the {100 * share.promised:g} % range held {share.in_percent()}" for share in reversed(shares)
    )
    reason = f"Of {test.n:,} next rates {held}. {_hardest_days(regimes)}{width}"
    tones = {tone_of(share) for share in shares}
    if "bad" in tones:
        return Verdict("Range", _ANSWERS["bad"], "bad", reason)
    if any(share.high - share.low > _WIDEST_INTERVAL for share in shares):
        return Verdict("Range", "too few test days to tell", "caution", reason)
    of_days = {tone_of(share) for metrics in regimes.values() for share in held_shares(metrics)}
    tone: Tone = "caution" if "caution" in tones or "bad" in of_days else "good"
    return Verdict("Range", _ANSWERS[tone], tone, reason)


def _hardest_days(regimes: Mapping[str, Metrics]) -> str:
    """Returns a sentence on the kind of day whose share is farthest from its promise."""
    shares = [(name, share) for name, metrics in regimes.items() for share in held_shares(metrics)]
    if not shares:
        return ""
    name, share = max(shares, key=lambda found: abs(found[1].held - found[1].promised))
    when = name if name.startswith("after") else f"on {name} days"
    return f"It is farthest from its promise {when}: the {100 * share.promised:g} % range held {100 * share.held:.1f} %. "


def _weakest_pair(pairs: Mapping[str, Metrics]) -> Verdict:
    """Returns the verdict on the pair with the worst tone; of several, the farthest off for its number of forecasts."""
    candidates = [
        ((_SEVERITY.index(tone_of(share)), _surprise(share, metrics.n)), name, share)
        for name, metrics in pairs.items()
        for share in held_shares(metrics)
    ]
    _, name, share = max(candidates, key=lambda candidate: candidate[0])
    tone = tone_of(share)
    points = 100 * (share.held - share.promised)
    promise = (
        f"{abs(points):.1f} points {'more' if points > 0 else 'less'} than promised"
        if abs(points) >= 0.05
        else "as promised"
    )
    reason = f"Its {100 * share.promised:g} % range held {share.in_percent()} of {pairs[name].n:,} next rates, {promise}."
    others = " All other pairs did better." if len(pairs) > 1 else ""
    return Verdict(
        "Weakest pair" if len(pairs) > 1 else "The pair", f"{name}: {_ANSWERS[tone]}", tone, reason + others
    )


def _surprise(share: HeldShare, n: int) -> float:
    """Returns the distance from the promise in standard errors of ``n`` independent forecasts."""
    error: float = (share.promised * (1 - share.promised) / n) ** 0.5
    return abs(share.held - share.promised) / error
