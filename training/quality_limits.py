"""Thresholds of the data-quality checks: how odd clean rates get, and a budget of false alarms.

A check of the feed may be wrong about 5 messages in 10,000, all checks together; one of the market about 50.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ratecast.model.features import WINDOW, longest_run
from ratecast.model.references import PairLimits, QualityLimits
from ratecast.scoring.level_cone import CONE_DAYS, CONE_YEARS, TRADING_DAYS
from ratecast.scoring.quality import REGIME_RETURNS, SPAN_STEPS, trimmed_rms
from training.dataset import MIN_RETURNS, PairHistory, Rows, pair_sigmas

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from ratecast.rates.tables import Series

JUMP_BUDGET = 3e-4
CONE_BUDGET = 1e-4
REGIME_BUDGET = 5e-3
HELD_BACK_SHARE = 0.25  # of each stretch, for the regime: its sigma comes from the days before
# How a feed behaves now: a peg of ten years ago does not say how long this one may stand still.
RECENT_DAYS = 3 * 365
CAUTIOUS_CONE = (
    8.0  # where no rate has a year's end behind it; those of the ECB's 20 default pairs are 6 to 11
)
CONE_MARGIN = 1.25  # over the farthest a pair went: a pair that trends has gone far before
MIN_EQUAL_RATES = 4
LONGEST_WEEKEND = 5  # days; Easter, and Christmas beside a weekend
LONGEST_SPAN = 34  # days of 20 steps of a calendar of working days
LEAST_JUMP = 5.0  # beyond 1 / sqrt(1 - DECAY), so that the way back from a spike is no second jump
CAUTIOUS_JUMP = 8.0  # where there are too few rows to know the tail
LEVEL_STEP_MARGIN = 1.5
LEVEL_STEP_BOUNDS = (0.15, 0.75 * math.log(10))  # a tenfold rate is always a step of the level


def quality_limits(
    histories: Sequence[PairHistory], rows: Rows, not_pooled: Collection[int] = ()
) -> QualityLimits:
    """Fit all limits on clean histories.

    Args:
        histories: the pairs of the bundle, as known at the end of training.
        rows: every row of them. Its ``|target| / sigma`` has no fitted parameter, so no row is in-sample.
        not_pooled: positions of pairs that limits of all pairs are not learnt from (`training.pooling`).
    """
    cones = [cone_ratios(history) for history in histories]
    common_to = [position for position in range(len(histories)) if position not in not_pooled]
    rows = rows.where(np.isin(rows.pair, common_to)) if not_pooled else rows
    pooled = np.concatenate([*(cones[position] for position in common_to), np.zeros(1)])
    # Of too few years, or rates that stood still at each year's end, the quantile may be 0: no bound at all.
    common = float(np.quantile(pooled, 1 - CONE_BUDGET, method="higher")) or CAUTIOUS_CONE
    largest = max(
        float(np.abs(np.diff(np.log(s.rates))).max(initial=0.0))
        for position in common_to
        for s in histories[position].stretches
    )
    return QualityLimits(
        jump_sigmas=round(_jump_sigmas(np.abs(rows.target) / rows.sigma), 3),
        level_step=round(float(np.clip(LEVEL_STEP_MARGIN * largest, *LEVEL_STEP_BOUNDS)), 4),
        regime_ratio=round(_regime_ratio([histories[position] for position in common_to]), 3),
        pairs={
            history.pair: _pair_limits(history, max(common, CONE_MARGIN * float(own.max(initial=0.0))))
            for history, own in zip(histories, cones, strict=True)
        },
    )


def cone_ratios(history: PairHistory) -> NDArray[np.float64]:
    """How far the rate went from where it stood at each year's end, in sigma * sqrt(n + n0), up to six years on.

    n is the age in trading days as serving counts it, sigma what was known at that year's end.
    """
    found = [np.zeros(0)]
    for stretch in history.stretches:
        logs, years = np.log(stretch.rates), stretch.dates.astype("datetime64[Y]")
        ends = np.flatnonzero(years[1:] != years[:-1])
        for end in ends[ends >= MIN_RETURNS]:
            sigma = np.diff(logs[: end + 1]).std()
            age = (stretch.dates[end + 1 :] - stretch.dates[end]).astype(np.float64) * TRADING_DAYS
            age = age[age <= CONE_YEARS * 365 * TRADING_DAYS]
            if sigma > 0:
                away = np.abs(logs[end + 1 : end + 1 + len(age)] - logs[end])
                found.append(away / (sigma * np.sqrt(age + CONE_DAYS)))
    return np.concatenate(found)


def _jump_sigmas(sizes: NDArray[np.float64]) -> float:
    if len(sizes) * JUMP_BUDGET < 5:
        return max(CAUTIOUS_JUMP, float(sizes.max(initial=0.0)))
    return max(LEAST_JUMP, float(np.quantile(sizes, 1 - JUMP_BUDGET, method="higher")))


def _regime_ratio(histories: Sequence[PairHistory]) -> float:
    """The quantile of trimmed recent rms over the sigma of the days before it, on days held back from that sigma."""
    ratios = [np.ones(1)]
    for history in histories:
        stretch = history.stretches[-1]
        cut = int((1 - HELD_BACK_SHARE) * len(stretch.rates))
        early = pair_sigmas([history.until(stretch.dates[cut - 1])])[0] if cut else math.nan
        later = np.diff(np.log(stretch.rates[cut:]))
        if np.isfinite(early) and len(later) >= REGIME_RETURNS:
            ratios.append(trimmed_rms(sliding_window_view(later, REGIME_RETURNS)) / early)
    return max(1.5, float(np.quantile(np.concatenate(ratios), 1 - REGIME_BUDGET, method="higher")))


def _pair_limits(history: PairHistory, cone: float) -> PairLimits:
    newest = history.stretches[-1]
    recent = newest.rates[newest.dates > newest.dates[-1] - np.timedelta64(RECENT_DAYS, "D")]
    return PairLimits(
        # More than a history holds would never be seen.
        equal_rates=min(max(MIN_EQUAL_RATES, longest_run(recent) + 2), WINDOW),
        gap_days=max(_longest_step(s, 1, LONGEST_WEEKEND) for s in history.stretches),
        span_days=max(_longest_step(s, SPAN_STEPS, LONGEST_SPAN) for s in history.stretches),
        cone_sigmas=round(cone, 3),
    )


def _longest_step(stretch: Series, steps: int, working_days: int) -> int:
    """Most days that so many steps took; a calendar of working days may always do what those do."""
    took = (stretch.dates[steps:] - stretch.dates[:-steps]).astype(np.int64)
    daily = len(took) == 0 or np.median(took) <= 1.5 * steps
    return max(int(took.max(initial=1)), working_days if daily else 1)
