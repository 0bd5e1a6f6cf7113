"""Fits the thresholds of the data-quality checks to clean rates and a budget of false alarms.

All checks of the feed together may raise a false alarm on 5 of 10,000 messages, the check of the market on 50.
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
# Newest part of each stretch, for the regime threshold. Its sigma comes from the days before.
HELD_BACK_SHARE = 0.25
# Only recent days show how long a rate may stand still now: the pair may have been pegged ten years ago.
RECENT_DAYS = 3 * 365
# Used if no rate comes after a year's end. The values of the ECB's 20 default pairs are 6 to 11.
CAUTIOUS_CONE = 8.0
CONE_MARGIN = 1.25  # times the farthest that a pair went, because a pair with a trend goes far
MIN_EQUAL_RATES = 4
LONGEST_WEEKEND = 5  # days; Easter, and Christmas beside a weekend
LONGEST_SPAN = 34  # most days that 20 steps take in a calendar of working days
LEAST_JUMP = 5.0  # above 1 / sqrt(1 - DECAY), so that the step back after a spike is not a second jump
CAUTIOUS_JUMP = 8.0  # used if there are too few rows to estimate the tail
LEVEL_STEP_MARGIN = 1.5
LEVEL_STEP_BOUNDS = (0.15, 0.75 * math.log(10))  # a tenfold rate always counts as a step of the level


def quality_limits(
    histories: Sequence[PairHistory], rows: Rows, not_pooled: Collection[int] = ()
) -> QualityLimits:
    """Fits all limits to clean histories.

    Args:
        histories: the pairs of the bundle, as known at the end of training.
        rows: all their rows. ``|target| / sigma`` has no fitted parameter, so no row is in-sample.
        not_pooled: positions of pairs that do not affect the common limits (`training.pooling`).
    """
    cones = [cone_ratios(history) for history in histories]
    common_to = [position for position in range(len(histories)) if position not in not_pooled]
    rows = rows.where(np.isin(rows.pair, common_to)) if not_pooled else rows
    pooled = np.concatenate([*(cones[position] for position in common_to), np.zeros(1)])
    # With too few years, or rates that stood still at each year's end, the quantile may be 0, which is no limit.
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
            history.pair: _pair_limits(history, max(common, CONE_MARGIN * float(cone.max(initial=0.0))))
            for history, cone in zip(histories, cones, strict=True)
        },
    )


def cone_ratios(history: PairHistory) -> NDArray[np.float64]:
    """Returns how far the rate moved away from its value at each year's end within six years.

    The unit is sigma * sqrt(n + n0), where n is the age in trading days as a worker counts it, and sigma is the one
    known at that year's end.
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
    """Returns a quantile of the trimmed recent RMS over sigma, on later days than those that sigma comes from."""
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
        # A history contains at most WINDOW equal rates.
        equal_rates=min(max(MIN_EQUAL_RATES, longest_run(recent) + 2), WINDOW),
        gap_days=max(_longest_step(s, 1, LONGEST_WEEKEND) for s in history.stretches),
        span_days=max(_longest_step(s, SPAN_STEPS, LONGEST_SPAN) for s in history.stretches),
        cone_sigmas=round(cone, 3),
    )


def _longest_step(stretch: Series, steps: int, working_days: int) -> int:
    """Returns the most days that ``steps`` steps took; at least ``working_days`` in a calendar of working days."""
    took = (stretch.dates[steps:] - stretch.dates[:-steps]).astype(np.int64)
    daily = len(took) == 0 or np.median(took) <= 1.5 * steps
    return max(int(took.max(initial=1)), working_days if daily else 1)
